import assert from "node:assert/strict";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { Host } from "../host/host.ts";
import type { CheckLine } from "./check_line.ts";
import { checkHostTrees } from "./host_trees.ts";

const TREES = {
  "proc/sys/kernel/osrelease": "6.12.5-talos\n",
  "sys/class/": "",
  "dev/null": "",
  "root/etc/os-release": 'PRETTY_NAME="Talos (v1.13.0)"\n',
};

/** The lines by their names, with `/host/root` in the mount table being the fixture's root. */
async function check(host: FixtureHost, mountinfo: string): Promise<Map<string, CheckLine>> {
  const { roots } = host.context.host;
  await host.plant({ mountinfo: mountinfo.replaceAll("/host/root", roots.rootfs) });
  const lines = checkHostTrees(host.context.host, `${host.path}/mountinfo`);
  return new Map(lines.map((line) => [line.name, line]));
}

const mount = (tags: string) =>
  `21 1 0:20 / / rw - overlay overlay rw\n30 21 8:1 / /host/root rw ${tags}- xfs /dev/vda4 rw\n`;

Deno.test("all trees are there, and the host's mounts go on appearing", async () => {
  await using host = await FixtureHost.create(TREES);
  for (const [tags, kind] of [["master:7 ", "rslave"], ["shared:9 ", "rshared"]] as const) {
    const lines = await check(host, mount(tags));
    assert.deepEqual([...lines.values()].map(({ status }) => status), Array(5).fill("ok"));
    assert.match(lines.get("procfs")?.fact ?? "", /Linux 6\.12\.5-talos/);
    assert.match(lines.get("rootfs")?.fact ?? "", /Talos \(v1\.13\.0\)/);
    assert.match(lines.get("mounts")?.fact ?? "", new RegExp(kind));
  }
});

Deno.test("a root that does not get later mounts, or is none, is a failure", async () => {
  await using host = await FixtureHost.create(TREES);
  const hidden = mount("master:7 ") + mount("").split("\n")[1];
  for (
    const table of [mount(""), mount("unbindable "), hidden, "21 1 0:20 / / rw - tmpfs x rw\n"]
  ) {
    const line = (await check(host, table)).get("mounts");
    assert.equal(line?.status, "failed", table);
    assert.match(line.remedy ?? "", /HostToContainer/);
  }
});

Deno.test("a tree that is not mounted is named with its option", async () => {
  await using host = await FixtureHost.create();
  const lines = await check(host, mount("master:7 "));
  for (const name of ["procfs", "sysfs", "devfs", "rootfs"]) {
    assert.equal(lines.get(name)?.status, "failed", name);
    assert.match(lines.get(name)?.remedy ?? "", new RegExp(`--path-${name}`));
  }
});

Deno.test("a container without the host's root is told from a plain machine", async () => {
  await using host = await FixtureHost.create(TREES);
  const { libc, files, roots } = host.context.host;
  using plain = new Host(libc, files, { ...roots, rootfs: "/" });
  await host.plant({ container: mount(""), plain: "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" });
  const warnings = (table: string) =>
    checkHostTrees(plain, `${host.path}/${table}`)
      .filter(({ status }) => status === "warning");
  assert.deepEqual(warnings("plain"), []);
  const [line] = warnings("container");
  assert.match(line?.remedy ?? "", /\/host\/root/);
});
