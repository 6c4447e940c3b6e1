import assert from "node:assert/strict";
import { unixListenChannel } from "../channel/unix_listen.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import type { CheckLine } from "./check_line.ts";
import { checkPort, type PortConfig } from "./port.ts";

const PORT = {
  "sys/class/virtio-ports/vport1p1/name": "org.qemu.guest_agent.0\n",
  "dev/vport1p1": "",
  "proc/7/comm": "bash\n",
  "proc/7/fd/0": "->/dev/null",
};

function check(host: FixtureHost, changes: Partial<PortConfig> = {}): Promise<CheckLine[]> {
  return checkPort(host.context.host, {
    method: "virtio-serial",
    path: undefined,
    portName: "org.qemu.guest_agent.0",
    pathProcfs: `${host.path}/proc`,
    pathSysfs: `${host.path}/sys`,
    pathDevfs: `${host.path}/dev`,
    readiness: ["port", "credentials"],
    ...changes,
  });
}

Deno.test("a port that the agent has is well, and is not opened", async () => {
  await using host = await FixtureHost.create({
    ...PORT,
    "proc/12/comm": "qemu-ga-talos\n",
    "proc/12/fd/9": "->/dev/vport1p1",
  });
  // What cannot be opened would be told.
  await Deno.remove(`${host.path}/dev/vport1p1`);
  const [line, ...more] = await check(host);
  assert.equal(line?.status, "ok");
  assert.match(line.fact, /vport1p1 \(org.qemu.guest_agent.0\), held by the agent, process 12/);
  assert.deepEqual(more, []);
});

Deno.test("a port that another program has is a failure that names it", async () => {
  await using host = await FixtureHost.create({
    ...PORT,
    "proc/12/comm": "qemu-ga\n",
    "proc/12/fd/9": "->/dev/vport1p1",
  });
  const [line] = await check(host);
  assert.equal(line?.status, "failed");
  assert.match(line.fact, /held by another program, process 12 \(qemu-ga\)/);
  assert.match(line.remedy ?? "", /remove the other one/);
});

Deno.test("a port that nobody has can be opened, and no agent is a warning", async () => {
  await using host = await FixtureHost.create(PORT);
  const [line, agent] = await check(host);
  assert.deepEqual([line?.status, agent?.status], ["ok", "warning"]);
  assert.match(agent?.remedy ?? "", /start the agent/);
});

Deno.test("a port that is not there says what there is, and what to switch on", async () => {
  await using host = await FixtureHost.create({
    "sys/class/virtio-ports/vport1p2/name": "com.redhat.spice.0\n",
  });
  const [line, ...more] = await check(host);
  assert.equal(line?.status, "failed");
  assert.match(line.fact, /no virtio-serial port org.qemu.guest_agent.0: .*com.redhat.spice.0/);
  assert.match(line.remedy ?? "", /switch on the guest agent in the hypervisor's options/);
  assert.deepEqual(more, []);
});

Deno.test("no port is a warning where the agent is ready without", async () => {
  await using host = await FixtureHost.create({ "sys/class/virtio-ports/": "" });
  const [line, ...more] = await check(host, { readiness: ["credentials"] });
  assert.equal(line?.status, "warning");
  assert.match(line.fact, /no virtio-serial port .*; the agent is ready without \(--readiness\)$/);
  assert.match(line.remedy ?? "", /switch on the guest agent/);
  assert.deepEqual(more, []);
});

Deno.test("a port without its device file asks for the host's /dev", async () => {
  await using host = await FixtureHost.create(PORT);
  await Deno.remove(`${host.path}/dev/vport1p1`);
  const [line] = await check(host);
  assert.equal(line?.status, "failed");
  assert.match(line.remedy ?? "", /--path-devfs/);
});

Deno.test("a unix socket answers, or nobody is there", async () => {
  await using host = await FixtureHost.create();
  const path = `${host.path}/agent.sock`;
  const socket = { method: "unix-listen", path } as const;
  const [nobody] = await check(host, socket);
  assert.equal(nobody?.status, "warning");
  assert.match(nobody.fact, /no agent answers on .*agent\.sock/);

  const listener = unixListenChannel(
    host.context.host.libc,
    host.context.host.files,
    path,
  );
  const served = (async () => {
    for await (const session of listener.sessions()) {
      await session.read();
      await session.write(new TextEncoder().encode('{"return": {}, "id": "call"}\n'));
    }
  })();
  const [line] = await check(host, socket);
  await listener[Symbol.asyncDispose]();
  await served;
  assert.deepEqual([line?.status, line?.fact], ["ok", `${path}, where the agent answers`]);
});

Deno.test("methods that need a path say so", async () => {
  await using host = await FixtureHost.create();
  for (const method of ["unix-listen", "vsock-listen"] as const) {
    const [line] = await check(host, { method });
    assert.equal(line?.status, "failed");
    assert.match(line.remedy ?? "", /--path/);
  }
});

Deno.test("a machine that is no guest of QEMU needs no port", async () => {
  await using host = await FixtureHost.create({
    "proc/cpuinfo": "flags\t: fpu hypervisor\n",
    "sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
  });
  for (const path of [undefined, `${host.path}/dev/vport1p1`]) {
    assert.deepEqual(await check(host, { path }), [{
      name: "port",
      status: "ok",
      fact: "this machine is no QEMU guest (VMware): there is no port to wait for",
      brief: "not needed",
    }]);
  }
});
