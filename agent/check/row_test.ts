import assert from "node:assert/strict";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";
import { formatRow } from "./row.ts";

const WELL: readonly CheckLine[] = [
  ok("port", "/host/dev/vport1p1 (org.qemu.guest_agent.0), can be opened", "vport1p1"),
  ok("procfs", "/host/proc"),
  ok("freeze, trim", "/var/mnt/data, /var", "/var/mnt/data, /var"),
  ok("guard", "watches"),
  ok("talosconfig", "the file /etc/talosconfig"),
  ok("certificate", "Ed25519, for 5 h 12 min more", "for 5 h 12 min"),
  ok("role", "os:operator", "os:operator"),
  ok("talos api", "10.0.0.1:50000 is Talos v1.13.0", "v1.13.0"),
  ok("clock", "2026-01-02T03:04:05Z, 2 s from the hardware clock", "2 s off"),
];

function cells(lines: readonly CheckLine[], strict = false): string[] {
  return formatRow(lines, strict).split("\n")[0]?.split("\t") ?? [];
}

function replaced(...others: readonly CheckLine[]): CheckLine[] {
  const names = new Set(others.map(({ name }) => name));
  return [...WELL.filter(({ name }) => !names.has(name)), ...others];
}

Deno.test("a node that is well is one line of six cells", () => {
  assert.equal(
    formatRow(WELL, true),
    [
      "ok vport1p1",
      "ok /var/mnt/data, /var",
      "ok for 5 h 12 min, os:operator",
      "ok v1.13.0",
      "ok 2 s off",
      "ok 2 more",
    ].join("\t"),
  );
});

Deno.test("a cell has the worst of its lines, in brief or by name", () => {
  const soon = warning("certificate", "for 5 min more", "renew it", "for 5 min");
  assert.equal(cells(replaced(soon))[2], "warning for 5 min");
  const role = failed("role", "os:reader", "give it os:operator");
  assert.equal(cells(replaced(soon, role))[2], "failed role");
  const unserved = warning("agent", "nothing has it open", "start it", "not served");
  assert.equal(cells(replaced(unserved))[0], "warning not served");
});

Deno.test("what was not looked at is neither well nor a failure", () => {
  const line = failed("talosconfig", "it is not there", "make it");
  const row = cells([line]);
  assert.deepEqual(row.slice(2, 5), ["failed talosconfig", "none not asked", "none not asked"]);
});

Deno.test("what has no cell of its own is named in the last", () => {
  const guard = warning("guard", "nobody thaws", "run it");
  const mounts = failed("mounts", "private", "mount it");
  assert.equal(cells(replaced(guard))[5], "warning guard");
  assert.equal(
    cells(replaced(guard, mounts, failed("http", "off", "x")))[5],
    "failed mounts, http",
  );
});

Deno.test("below the row are the failures, and warnings where they count", () => {
  const lines = replaced(
    warning("guard", "nobody thaws", "run it"),
    failed("role", "os:reader", "give it os:operator"),
  );
  const below = (strict: boolean) => formatRow(lines, strict).split("\n").slice(1);
  const failure = ["failed   role   os:reader", "                -> give it os:operator"];
  assert.deepEqual(below(false), [
    "failed   role  os:reader",
    "               -> give it os:operator",
  ]);
  assert.deepEqual(below(true), [
    "warning  guard  nobody thaws",
    "                -> run it",
    ...failure,
  ]);
});

Deno.test("a name with a tab does not make another cell", () => {
  const row = cells(replaced(ok("freeze, trim", "/a\tb", "/a\tb")));
  assert.equal(row.length, 6);
  assert.equal(row[1], "ok /a b");
});

Deno.test("a socket of Talos stands in the place of credentials", () => {
  const credentials = ["talosconfig", "certificate", "role"];
  const lines = [
    ...WELL.filter(({ name }) => !credentials.includes(name)),
    ok("talos socket", "/machine.sock, as os:operator", "os:operator"),
  ];
  assert.equal(cells(lines)[2], "ok os:operator");
});
