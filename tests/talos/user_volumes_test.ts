import { deepEqual, equal, match, ok } from "node:assert/strict";
import { until } from "../harness/until.ts";
import { InstalledNode } from "./installed_node.ts";

/** Its key is made of the machine's UUID. */
const ENCRYPTION = { provider: "luks2", keys: [{ slot: 0, nodeID: {} }] };

/** On the machine's second disk, which is empty. */
function userVolume(
  name: string,
  type: "xfs" | "ext4",
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    apiVersion: "v1alpha1",
    kind: "UserVolumeConfig",
    name,
    provisioning: {
      diskSelector: { match: 'disk.serial == "talos1"' },
      minSize: "400MiB",
      maxSize: "600MiB",
    },
    filesystem: { type },
    ...more,
  };
}

interface FileSystem {
  readonly name: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly disk: readonly { readonly serial?: string }[];
}

Deno.test("volumes that Talos gets while the agent runs", async (test) => {
  await using installed = await InstalledNode.installed();
  await using on = await installed.start();
  const { ask, cluster } = on;
  const volumes = ["/var xfs"]
    .concat(["/var/mnt/first xfs", "/var/mnt/sealed xfs", "/var/mnt/second ext4"]);

  await test.step("are there, on their disk", async () => {
    await cluster.patchConfiguration(
      userVolume("first", "xfs"),
      userVolume("second", "ext4"),
      userVolume("sealed", "xfs", { encryption: ENCRYPTION }),
    );
    const seen = await until(
      "all are mounted",
      async () => {
        const fileSystems = await ask("guest-get-fsinfo") as FileSystem[];
        return fileSystems.length === 5 ? fileSystems : undefined;
      },
      300_000,
      3_000,
    );
    const types = seen.map(({ mountpoint, type }) => `${mountpoint} ${type}`).sort();
    deepEqual(types, ["/ squashfs", ...volumes]);
    const sealed = seen.find(({ mountpoint }) => mountpoint === "/var/mnt/sealed");
    match(sealed?.name ?? "", /^dm-\d+$/);
    // The disk below the one that decrypts.
    deepEqual(sealed?.disk.map(({ serial }) => serial), ["talos1"]);
  });

  await test.step("are frozen, before the file system that they are mounted on", async () => {
    equal(await ask("guest-fsfreeze-freeze"), 4);
    equal(await ask("guest-fsfreeze-thaw"), 4);
    const log = await on.agent.log();
    const [frozen] = log.match(/"file systems frozen".*/) ?? [];
    ok(frozen?.includes('"count":4'), log);
  });

  await test.step("are trimmed, but for the encrypted one, which takes no discards", async () => {
    const { paths } = await ask("guest-fstrim") as { paths: Record<string, unknown>[] };
    deepEqual(
      paths.map(({ path }) => path).sort(),
      volumes.map((volume) => volume.split(" ")[0]),
    );
    const refused = paths.filter((path) => "error" in path);
    deepEqual(refused.map(({ path }) => path), ["/var/mnt/sealed"], JSON.stringify(paths));
  });

  installed.print();
});
