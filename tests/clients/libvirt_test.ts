import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import { AgentError, LibvirtClient } from "./libvirt_client.ts";

/** A record of a reply; what libvirt wants of its members is checked by `hasFields`. */
type Fields = Readonly<Record<string, unknown>>;

/** Asserts that the members that libvirt requires are there and of their types. */
function hasFields(value: unknown, types: Readonly<Record<string, string>>): void {
  const fields = value as Fields;
  for (const [name, type] of Object.entries(types)) {
    const member = fields[name];
    const found = Array.isArray(member)
      ? "array"
      : type === "integer" && Number.isInteger(member)
      ? "integer"
      : typeof member;
    equal(found, type, `${name} of ${JSON.stringify(fields)}`);
  }
}

/** A list of a reply, each of whose members has these fields. */
function listOf(value: unknown, types: Readonly<Record<string, string>>): Fields[] {
  ok(Array.isArray(value));
  for (const entry of value) hasFields(entry, types);
  return value;
}

function hasDiskAddress(value: unknown): void {
  hasFields(value, { bus: "integer", target: "integer", unit: "integer" });
  hasFields((value as Fields)["pci-controller"], {
    domain: "integer",
    bus: "integer",
    slot: "integer",
    function: "integer",
  });
}

async function isUnsupported(command: Promise<unknown>): Promise<void> {
  await rejects(command, (error) => error instanceof AgentError && error.unsupported);
}

Deno.test("interfaces, disks, OS, users, clock and load have what libvirt requires", async () => {
  await using agent = await startOnFixtureNode();
  await using libvirt = await LibvirtClient.connect(agent.socket);
  const interfaces = await libvirt.execute("guest-network-get-interfaces");
  const named = listOf(interfaces, { name: "string" });
  ok(named.length > 0);
  for (const { "ip-addresses": addresses } of named) {
    if (addresses === undefined) continue;
    listOf(addresses, { "ip-address": "string", "ip-address-type": "string", prefix: "integer" });
  }
  const disks = await libvirt.execute("guest-get-disks");
  equal(listOf(disks, { name: "string", partition: "boolean" }).length, 2);
  for (const { address } of disks as Fields[]) {
    if (address !== undefined) hasDiskAddress(address);
  }
  ok((disks as Fields[]).some(({ address }) => address !== undefined));
  const users = await libvirt.execute("guest-get-users");
  listOf(users, { user: "string", "login-time": "number" });
  hasFields(await libvirt.execute("guest-get-timezone"), { offset: "integer" });
  hasFields(await libvirt.execute("guest-get-host-name"), { "host-name": "string" });
  hasFields(await libvirt.execute("guest-get-load"), {
    load1m: "number",
    load5m: "number",
    load15m: "number",
  });
  const os = await libvirt.execute("guest-get-osinfo") as Fields;
  for (const member of Object.values(os)) equal(typeof member, "string");
  equal(os["id"], "talos");
  equal(typeof await libvirt.execute("guest-get-time"), "bigint");
});

Deno.test("file systems have what libvirt requires", async () => {
  // Those of this machine, by an agent that can do nothing but tell.
  await using agent = await startOnFixtureNode("--path-rootfs", "/", "-a", "guest-get-fsinfo");
  await using libvirt = await LibvirtClient.connect(agent.socket);
  await isUnsupported(libvirt.execute("guest-fsfreeze-freeze"));
  const fileSystems = await libvirt.execute("guest-get-fsinfo");
  const types = { mountpoint: "string", name: "string", type: "string", disk: "array" };
  const list = listOf(fileSystems, types);
  for (const { disk } of list) for (const address of disk as unknown[]) hasDiskAddress(address);
  const mounts = await Deno.readTextFile("/proc/self/mountinfo");
  // A container's root can be on no block device.
  const expected = /^\d+ \d+ [1-9]\d*:\d+ \S+ \/ /m.test(mounts);
  if (expected) ok(list.some(({ mountpoint }) => mountpoint === "/"));
});

/** A processor as guest-get-vcpus reports it. */
interface Vcpu {
  readonly "logical-id": number;
  online: boolean;
  readonly "can-offline"?: boolean;
}

async function vcpus(libvirt: LibvirtClient): Promise<Vcpu[]> {
  const types = { "logical-id": "integer", online: "boolean" };
  // As they have been checked to be.
  const list = listOf(await libvirt.execute("guest-get-vcpus"), types) as unknown as Vcpu[];
  for (const { online, "can-offline": canOffline } of list) {
    ok(online || canOffline !== false, "offline forever: libvirt rejects that");
  }
  return list;
}

/** As libvirt does it: the agent may go through fewer than it was asked for, and is asked again. */
async function setVcpus(libvirt: LibvirtClient, wanted: Vcpu[]): Promise<number> {
  let rounds = 0;
  for (let rest = wanted; rest.length > 0; rounds++) {
    const done = await libvirt.execute("guest-set-vcpus", { vcpus: rest });
    ok(typeof done === "number" && done > 0 && done <= rest.length, `${done}`);
    rest = rest.slice(done);
  }
  return rounds;
}

Deno.test("processors are taken offline and online", async () => {
  await using agent = await startOnFixtureNode();
  await using libvirt = await LibvirtClient.connect(agent.socket);
  const before = await vcpus(libvirt);
  deepEqual(before.map(({ online }) => online), [true, true, false, true]);
  await setVcpus(libvirt, before.map((cpu) => ({ ...cpu, online: cpu["logical-id"] < 1 })));
  deepEqual((await vcpus(libvirt)).map(({ online }) => online), [true, false, false, false]);
  await setVcpus(libvirt, before.map((cpu) => ({ ...cpu, online: true })));
  deepEqual((await vcpus(libvirt)).map(({ online }) => online), [true, true, true, true]);
  // A failure after some that worked is told in the next round.
  const [first, second] = before;
  ok(first !== undefined && second !== undefined);
  const failing = [{ ...second, online: false }, { ...first, online: false }];
  await rejects(setVcpus(libvirt, failing), /logical processor #0 can't be offlined/);
  equal((await vcpus(libvirt))[1]?.online, false);
});

Deno.test("a trim has its minimum, and a freeze with a list and without is undone", async () => {
  await using agent = await startOnFixtureNode();
  await using libvirt = await LibvirtClient.connect(agent.socket);
  deepEqual(await libvirt.execute("guest-fstrim", { minimum: 0 }), { paths: [] });
  deepEqual(await libvirt.execute("guest-fstrim", { minimum: 2n ** 63n - 1n }), { paths: [] });
  equal(await libvirt.execute("guest-fsfreeze-freeze-list", { mountpoints: ["/var"] }), 0);
  equal(await libvirt.execute("guest-fsfreeze-freeze"), 0);
  equal(await libvirt.execute("guest-fsfreeze-thaw"), 0);
});

Deno.test("what is blocked counts as unsupported, what fails as failed", async () => {
  await using agent = await startOnFixtureNode();
  await using libvirt = await LibvirtClient.connect(agent.socket);
  await isUnsupported(libvirt.execute("guest-set-time", { time: 1 }));
  await isUnsupported(libvirt.execute("guest-ssh-get-authorized-keys", { username: "root" }));
  await isUnsupported(libvirt.execute("guest-nonsense"));
  const failing = libvirt.execute("guest-suspend-ram");
  await rejects(failing, (error) => error instanceof AgentError && !error.unsupported);
  // After all these errors the connection is as good as before.
  deepEqual(await libvirt.execute("guest-ping"), {});
});

Deno.test("what a client before it left does not confuse the synchronisation", async () => {
  await using agent = await startOnFixtureNode();
  for (let count = 0; count < 10; count++) {
    {
      await using gone = await agent.client();
      await gone.send('{"execute":"guest-info"}{"execute":"guest-sy');
    }
    await using libvirt = await LibvirtClient.connect(agent.socket);
    deepEqual(await libvirt.execute("guest-ping"), {});
  }
});
