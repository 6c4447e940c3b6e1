import { deepEqual, equal, ok } from "node:assert/strict";
import { until } from "../harness/until.ts";
import { InstalledNode } from "./installed_node.ts";

/** On the machine's second disk, which is empty. */
function userVolume(name: string, type: "xfs" | "ext4"): Record<string, unknown> {
  return {
    apiVersion: "v1alpha1",
    kind: "UserVolumeConfig",
    name,
    provisioning: {
      diskSelector: { match: 'disk.serial == "talos1"' },
      minSize: "400MiB",
      maxSize: "800MiB",
    },
    filesystem: { type },
  };
}

interface FileSystem {
  readonly mountpoint: string;
  readonly type: string;
}

Deno.test("volumes that Talos gets while the agent runs", async (test) => {
  await using installed = await InstalledNode.prepare();
  if (!await test.step("installed", async () => void await installed.install())) return;
  await using on = await installed.start();
  const { ask, cluster } = on;
  const volumes = ["/var xfs", "/var/mnt/first xfs", "/var/mnt/second ext4"];

  await test.step("are there, on their disk", async () => {
    await cluster.patchConfiguration(userVolume("first", "xfs"), userVolume("second", "ext4"));
    const seen = await until(
      "both are mounted",
      async () => {
        const fileSystems = await ask("guest-get-fsinfo") as FileSystem[];
        const types = fileSystems.map(({ mountpoint, type }) => `${mountpoint} ${type}`).sort();
        return types.length === 4 ? types : undefined;
      },
      300_000,
      3_000,
    );
    deepEqual(seen, ["/ squashfs", ...volumes]);
  });

  await test.step("are frozen, before the file system that they are mounted on", async () => {
    equal(await ask("guest-fsfreeze-freeze"), 3);
    equal(await ask("guest-fsfreeze-thaw"), 3);
    const log = await on.agent.log();
    const [frozen] = log.match(/"file systems frozen".*/) ?? [];
    ok(frozen?.includes('"count":3'), log);
  });

  await test.step("are trimmed", async () => {
    const { paths } = await ask("guest-fstrim") as { paths: Record<string, unknown>[] };
    deepEqual(
      paths.map(({ path }) => path).sort(),
      volumes.map((volume) => volume.split(" ")[0]),
    );
    ok(paths.every((path) => !("error" in path)), JSON.stringify(paths));
  });

  installed.print();
});
