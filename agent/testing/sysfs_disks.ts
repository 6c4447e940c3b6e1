import type { FixtureTree } from "./fixture_tree.ts";

/** A block device as a test describes it. */
export interface FixtureDisk {
  /** Its directory below `/sys/devices`, such as `virtual/block/dm-0`. */
  readonly path: string;
  /** `MAJOR:MINOR`; the partitions have the minors after it. */
  readonly number: string;
  readonly partitions?: readonly string[];
  /** Directories of other devices below `/sys/devices`; undefined for no `slaves` directory at all. */
  readonly slaves?: readonly string[];
  /** In units of 512 bytes. */
  readonly size?: number;
  /** More files below its directory. */
  readonly attributes?: FixtureTree;
}

/**
 * The files of `/sys` that tell about block devices, with the links that the kernel makes.
 *
 * @param drivers the driver of devices, by their directories below `/sys/devices`
 */
export function sysfsDisks(
  disks: readonly FixtureDisk[],
  drivers: Readonly<Record<string, string>> = {},
): FixtureTree {
  const tree: Record<string, string | Uint8Array> = {};
  for (const [device, driver] of Object.entries(drivers)) {
    const directory = `devices/${device}`;
    tree[`${directory}/driver`] = `->${upFrom(directory)}bus/pci/drivers/${driver}`;
  }
  for (const disk of disks) {
    const directory = `devices/${disk.path}`;
    const name = lastComponent(directory);
    const [major, minor] = disk.number.split(":").map(Number);
    tree[`block/${name}`] = `->../${directory}`;
    tree[`dev/block/${disk.number}`] = `->../../${directory}`;
    tree[`${directory}/dev`] = `${disk.number}\n`;
    tree[`${directory}/size`] = `${disk.size ?? 2048}\n`;
    tree[`${directory}/queue/rotational`] = "0\n";
    if (!directory.includes("/virtual/")) tree[`${directory}/device`] = "->../..";
    if (disk.slaves?.length === 0) tree[`${directory}/slaves/`] = "";
    for (const slave of disk.slaves ?? []) {
      const link = `${directory}/slaves/${lastComponent(slave)}`;
      tree[link] = `->${upFrom(`${directory}/slaves`)}devices/${slave}`;
    }
    for (const [attribute, content] of Object.entries(disk.attributes ?? {})) {
      tree[`${directory}/${attribute}`] = content;
    }
    for (const [index, partition] of (disk.partitions ?? []).entries()) {
      const number = `${major}:${(minor ?? 0) + index + 1}`;
      tree[`${directory}/${partition}/partition`] = `${index + 1}\n`;
      tree[`${directory}/${partition}/dev`] = `${number}\n`;
      tree[`dev/block/${number}`] = `->../../${directory}/${partition}`;
    }
  }
  return tree;
}

/** The way from a directory below the root of sysfs back to that root. */
function upFrom(directory: string): string {
  return "../".repeat(directory.split("/").length);
}

function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
