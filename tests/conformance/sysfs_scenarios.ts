import { type Scenario, single } from "./scenario.ts";

/** The sandbox's processors and memory blocks, as it was started. */
async function restoreSysfs(directory: string): Promise<void> {
  const attributes = {
    "cpu/cpu1/online": "1\n",
    "cpu/cpu2/online": "0\n",
    "memory-blocks/memory0/state": "online\n",
    "memory-blocks/memory1/state": "offline\n",
    "memory-blocks/memory32/state": "online\n",
    "power/state": "freeze mem disk\n",
  };
  for (const [path, text] of Object.entries(attributes)) {
    await Deno.writeTextFile(`${directory}/${path}`, text);
  }
}

/** The first letters of the attributes: in a file, what is written covers the beginning only. */
async function inspectSysfs(directory: string): Promise<string> {
  const read = (path: string) => Deno.readTextFile(`${directory}/${path}`);
  const states = ["memory0", "memory1", "memory32"].map((name) =>
    read(`memory-blocks/${name}/state`)
  );
  return JSON.stringify([
    (await read("cpu/cpu1/online")).slice(0, 1),
    (await read("cpu/cpu2/online")).slice(0, 1),
    ...(await Promise.all(states)).map((text) => text.slice(0, 3)),
    (await read("power/state")).slice(0, 3),
  ]);
}

const SYSFS = { prepare: restoreSysfs, inspect: inspectSysfs };
const vcpus = (...list: readonly string[]): Scenario =>
  single("guest-set-vcpus", `{"vcpus":[${list.join()}]}`, SYSFS);
const blocks = (...list: readonly string[]): Scenario =>
  single("guest-set-memory-blocks", `{"mem-blks":[${list.join()}]}`, SYSFS);

/** Processors, memory blocks and sleep states, which are plain files in the sandbox. */
export const SYSFS_SCENARIOS: readonly Scenario[] = [
  single("guest-get-vcpus", undefined, SYSFS),
  vcpus(),
  vcpus('{"logical-id":1,"online":false}'),
  vcpus('{"logical-id":1,"online":true}'),
  vcpus('{"logical-id":2,"online":true,"can-offline":false}', '{"logical-id":1,"online":false}'),
  vcpus('{"logical-id":0,"online":true}'),
  vcpus('{"logical-id":0,"online":false}'),
  vcpus('{"logical-id":1,"online":false}', '{"logical-id":0,"online":false}'),
  vcpus('{"logical-id":999,"online":true}'),
  vcpus('{"logical-id":2,"online":true}', '{"logical-id":999,"online":true}'),
  vcpus('{"logical-id":-1,"online":true}'),
  single("guest-get-memory-blocks", undefined, SYSFS),
  single("guest-get-memory-block-info", undefined, SYSFS),
  blocks(),
  blocks('{"phys-index":1,"online":true}', '{"phys-index":32,"online":false}'),
  blocks('{"phys-index":0,"online":true,"can-offline":true}'),
  blocks('{"phys-index":0,"online":false}'),
  blocks('{"phys-index":999,"online":true}', '{"phys-index":1,"online":true}'),
  blocks('{"phys-index":18446744073709551615,"online":true}'),
  blocks('{"phys-index":-1,"online":true}'),
  single("guest-suspend-disk", undefined, SYSFS),
  single("guest-suspend-ram", undefined, SYSFS),
  single("guest-suspend-hybrid", undefined, SYSFS),
];
