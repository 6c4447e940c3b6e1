import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { Host } from "./host.ts";
import { parseOsRelease, readOsRelease } from "./os_release.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";

Deno.test("Talos' os-release is read", () => {
  const text = [
    'NAME="Talos"',
    "ID=talos",
    "VERSION_ID=v1.11.2",
    'PRETTY_NAME="Talos (v1.11.2)"',
    'HOME_URL="https://www.talos.dev/"',
    "",
  ].join("\n");
  assert.deepEqual(parseOsRelease(text), {
    name: "Talos",
    id: "talos",
    versionId: "v1.11.2",
    prettyName: "Talos (v1.11.2)",
  });
});

Deno.test("values are quoted and escaped as in a shell", () => {
  const value = (text: string) => parseOsRelease(`# VERSION=no\nVERSION=${text}\n`).version;
  assert.equal(value("'a \"b\" \\c' # d"), 'a "b" \\c');
  assert.equal(value('"a \\"b\\" \\$c \\x"'), 'a "b" $c \\x');
  assert.equal(value("a\\ b c"), "a b");
  // A shell would keep this backslash; os-release(5) has every quote escaped, and so does qemu-ga read it.
  assert.equal(value('"it\\\'s"'), "it's");
  assert.equal(value(""), "");
});

Deno.test("any text is survived", async () => {
  await checkProperty("texts", fc.string(), (text) => {
    parseOsRelease(`NAME=${text}\n${text}`);
  });
});

Deno.test("the host's os-release is read where the host looks for it, or another that is named", async () => {
  await using fixture = await FixtureHost.create({ "root/usr/lib/os-release": "ID=talos\n" });
  const { host } = fixture.context;
  assert.deepEqual(readOsRelease(host), { id: "talos" });
  await fixture.plant({ "root/etc/os-release": "->/etc/other", "root/etc/other": "ID=other\n" });
  assert.deepEqual(readOsRelease(host), { id: "other" });
  await fixture.plant({ named: "ID=named\n" });
  const roots = { ...host.roots, osRelease: `${fixture.path}/named` };
  using elsewhere = new Host(host.libc, host.files, roots);
  assert.deepEqual(readOsRelease(elsewhere), { id: "named" });
});
