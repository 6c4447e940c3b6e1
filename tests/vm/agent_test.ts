import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { COMMANDS } from "../../agent/commands/all.ts";
import type { Guest } from "../harness/qemu/guest.ts";
import { type GuestAgentClient, GuestAgentError } from "../harness/qemu/guest_agent_client.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { actAsMachined, bootTalosGuest, startTalosApi } from "../harness/qemu/talos_guest.ts";

/** The agent's start takes seconds under emulation. */
const FIRST_ANSWER = { timeoutMs: 60_000 };
const SLOW = { timeoutMs: 30_000 };

async function firstAnswer(guest: Guest): Promise<void> {
  await using agent = await guest.agent();
  await agent.sync(FIRST_ANSWER);
}

/** CPU time of the agent's process and its threads, in clock ticks of the guest. */
async function cpuTicks(guest: Guest): Promise<number> {
  const { stdout } = await guest.run("cat /proc/$(cat /run/agent.pid)/stat", SLOW);
  const fields = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Those of five seconds, after twelve: threads that a request has used for files end after ten. */
async function idleTicks(guest: Guest): Promise<number> {
  await guest.run("sleep 12", SLOW);
  const before = await cpuTicks(guest);
  await guest.run("sleep 5", SLOW);
  return await cpuTicks(guest) - before;
}

async function waitForLog(guest: Guest, pattern: RegExp): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!pattern.test(await guest.agentLog())) {
    if (Date.now() > deadline) {
      throw new Error(`${pattern} is not in the log:\n${await guest.agentLog()}`);
    }
  }
}

async function errorOf(agent: GuestAgentClient, mode: string): Promise<string> {
  try {
    await agent.execute("guest-shutdown", { mode }, SLOW);
  } catch (error) {
    if (error instanceof GuestAgentError) return error.message;
    throw error;
  }
  throw new Error("guest-shutdown was answered with success");
}

Deno.test("the compiled agent on a virtio-serial port", async (t) => {
  await using api = await startTalosApi();
  await using guest = await bootTalosGuest(api, {
    guest: { programs: { "/bin/socat": await findProgram("socat") } },
  });
  await firstAnswer(guest);

  await t.step("serves vsock, too", async () => {
    const { stdout } = await guest.run(
      "/bin/qemu-ga-talos -m vsock-listen -p -1:1234 2>/run/vsock.log & p=$!; " +
        "while ! grep -q started /run/vsock.log; do usleep 100000; done; " +
        'echo \'{"execute":"guest-ping"}\' | socat -t 20 - VSOCK-CONNECT:1:1234 2>&1; kill $p',
      { timeoutMs: 30_000 },
    );
    equal(stdout, '{"return": {}}\n');
  });

  await t.step("answers every command with the host's facts", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    deepEqual(await agent.execute("guest-ping"), {});
    equal(await agent.execute("guest-sync", { id: -(2n ** 63n) }), -(2n ** 63n));
    const info = await agent.execute("guest-info") as { supported_commands: { name: string }[] };
    deepEqual(
      info.supported_commands.map(({ name }) => name),
      COMMANDS.map(({ name }) => name),
    );
    const time = Number(await agent.execute("guest-get-time")) / 1e6;
    ok(Math.abs(time - Date.now()) < 60_000, `the guest's clock says ${new Date(time)}`);
    deepEqual(await agent.execute("guest-get-host-name"), { "host-name": "talos-vm" });
    deepEqual(await agent.execute("guest-get-timezone"), { zone: "UTC", offset: 0 });
    const os = await agent.execute("guest-get-osinfo") as Record<string, string>;
    equal(os["id"], "talos");
    match(os["pretty-name"] ?? "", /^Talos \(v/);
    equal(os["machine"], "x86_64");
    equal(os["kernel-release"], (await guest.run("uname -r")).stdout.trim());
    const interfaces = await agent.execute("guest-network-get-interfaces") as {
      name: string;
      "hardware-address": string;
      "ip-addresses"?: { "ip-address": string; prefix: number }[];
      statistics?: Record<string, number>;
    }[];
    const [loopback, second] = interfaces;
    equal(loopback?.name, "lo");
    equal(second?.name, "eth0");
    deepEqual(second?.["ip-addresses"]?.[0], {
      "ip-address": "10.0.2.15",
      "ip-address-type": "ipv4",
      prefix: 24,
    });
    ok((second?.statistics?.["tx-packets"] ?? -1) >= 0);
  });

  await t.step("is looked at by a check beside it, which leaves the port alone", async () => {
    const { stdout } = await guest.run(
      "/bin/qemu-ga-talos check --talosconfig /var/run/secrets/talos.dev " +
        `--talos-endpoint 10.0.2.2:${api.port}`,
      SLOW,
    );
    match(stdout, /^ok +port +\S*\/vport\w+ \(org\.qemu\.guest_agent\.0\), held by the agent/m);
    match(stdout, /^ok +role +os:operator$/m);
    match(stdout, /^ok +talos api +10\.0\.2\.2:\d+ is Talos v1\.13\.0/m);
    match(stdout, /^ok +clock +\S+, \d+ s from the hardware clock$/m);
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    deepEqual(await agent.execute("guest-ping"), {});
  });

  await t.step("hides interfaces that only the cluster network sees", async () => {
    const made = await guest.run(
      "ip link add veth0 type veth 2>/dev/null || ip tuntap 2>/dev/null; ls /sys/class/net",
    );
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    const interfaces = await agent.execute("guest-network-get-interfaces") as { name: string }[];
    equal(interfaces.some(({ name }) => name.startsWith("veth")), false, made.stdout);
  });

  await t.step("finds its place again after half a request", async () => {
    await using agent = await guest.agent();
    await agent.send('{"execute":"guest-pi');
    await agent.sync(SLOW);
    deepEqual(await agent.execute("guest-ping"), {});
    await agent.send('{"execute":"guest-ping"}{"execute":');
    deepEqual(await agent.receiveReply(SLOW), { return: {} });
    await agent.send('"guest-ping"}');
    deepEqual(await agent.receiveReply(SLOW), { return: {} });
  });

  await t.step("answers 1,000 pings", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    for (let count = 0; count < 1000; count++) {
      deepEqual(await agent.execute("guest-ping", undefined, SLOW), {});
    }
  });

  await t.step("serves 50 clients in turn, some of which leave in the middle", async () => {
    for (let count = 0; count < 50; count++) {
      await using agent = await guest.agent();
      // The guest cannot see a departure that is followed by an arrival at once: the newcomer must
      // synchronize, as the protocol has it, when it does not know what the last one left behind.
      if (count % 3 !== 1) await agent.sync(SLOW);
      const id = 1_000 + count;
      await agent.send(`{"execute":"guest-sync","arguments":{"id":${id}}}\n`);
      deepEqual(await agent.receiveReply(SLOW), { return: id }, `client ${count}`);
      if (count % 3 === 1) await agent.send('{"execute":"guest-inf');
      if (count % 3 === 2) await agent.send('{"execute":"guest-info"}');
    }
  });

  await t.step("forgets half a request when it sees that its client has left", async () => {
    {
      await using agent = await guest.agent();
      await agent.sync(SLOW);
      await agent.send('{"execute":"guest-inf');
    }
    await waitForLog(guest, /client left"[^}]*}\s*$/);
    await using agent = await guest.agent();
    await agent.send('{"execute":"guest-ping"}');
    deepEqual(await agent.receiveReply(SLOW), { return: {} });
  });

  await t.step("survives a host that sends 1 MiB and reads nothing, then leaves", async () => {
    {
      await using agent = await guest.agent();
      const id = "x".repeat(1024 * 1024);
      await agent.send(`{"execute":"guest-ping","id":"${id}"}`);
      const line = await agent.receiveLine(SLOW);
      equal(line.length, id.length + '{"return": {}, "id": ""}'.length);
      await agent.send(`{"execute":"guest-ping","id":"${id}"}`);
    }
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    deepEqual(await agent.execute("guest-ping"), {});
  });

  await t.step("costs nothing while idle, with a silent host and without one", async () => {
    {
      await using agent = await guest.agent();
      await agent.sync(SLOW);
      equal(await idleTicks(guest), 0);
    }
    equal(await idleTicks(guest), 0);
  });

  await t.step("a second agent says who holds the port", async () => {
    const result = await guest.run(
      "/bin/qemu-ga-talos 2>/run/second.log & p=$!; i=0; " +
        "while ! grep -q held /run/second.log && [ $i -lt 200 ]; do usleep 100000; i=$((i+1)); done; " +
        "cat /run/second.log; kill $p; wait $p",
      { timeoutMs: 40_000 },
    );
    const pid = (await guest.run("cat /run/agent.pid")).stdout.trim();
    match(result.stdout, /vport0p1 is held by another agent/);
    match(result.stdout, new RegExp(`process ${pid} \\(`));
  });

  await t.step("sees that it is a guest, and has no port, while that is unplugged", async () => {
    await guest.unplugPort();
    const { stdout } = await guest.run("/bin/qemu-ga-talos check", { timeoutMs: 60_000 });
    match(stdout, /^failed +port +there is no virtio-serial port org\.qemu\.guest_agent\.0/);
    await guest.plugPort();
    await firstAnswer(guest);
  });

  await t.step("goes on after its port was unplugged and plugged in again", async () => {
    for (let count = 0; count < 2; count++) {
      await guest.unplugPort();
      await guest.plugPort();
      await firstAnswer(guest);
    }
    match(await guest.agentLog(), /unplugged/);
  });

  await t.step("reports why a shutdown does not work, and the machine stays up", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    match(await errorOf(agent, "nonsense"), /valid values are: halt\|powerdown\|reboot/);
    await api.fault({ fault: "status", code: 9, message: "not in container mode", times: 1 });
    match(await errorOf(agent, "powerdown"), /FAILED_PRECONDITION/);
    deepEqual(await agent.execute("guest-ping"), {});
  });

  await t.step("reboots the machine", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    const machined = actAsMachined(api, guest);
    await agent.request("guest-shutdown", { mode: "reboot" });
    await guest.qmp.waitEvent("RESET", SLOW);
    await machined;
    const call = api.calls.all.at(-1);
    equal(call?.method, "Reboot");
    deepEqual(call?.roles, ["os:operator"]);
  });

  await t.step("shuts the machine down", async () => {
    await using agent = await guest.agent();
    await agent.sync(FIRST_ANSWER);
    const before = api.calls.all.length;
    await agent.request("guest-shutdown");
    const calls = await api.calls.waitFor(before + 1, 30_000);
    equal(calls[before]?.method, "Shutdown");
    deepEqual(calls[before]?.request, { force: false });
    const status = await guest.powerOff();
    equal(status.code, 0);
    const shutdown = await guest.qmp.waitEvent("SHUTDOWN", SLOW);
    deepEqual(shutdown.data, { guest: true, reason: "guest-shutdown" });
  });
});

Deno.test("an agent whose role is too small", async () => {
  await using api = await startTalosApi();
  await using guest = await bootTalosGuest(api, { roles: ["os:reader"] });
  await firstAnswer(guest);
  await using agent = await guest.agent();
  await agent.sync(SLOW);
  const error = await errorOf(agent, "powerdown");
  match(error, /os:operator/);
  match(error, /os:reader/);
  equal(api.calls.all.every((call) => call.allowed !== true), true);
});

Deno.test("an agent whose Talos API is down", async () => {
  const api = await startTalosApi();
  await using guest = await bootTalosGuest(api);
  await api[Symbol.asyncDispose]();
  await firstAnswer(guest);
  await using agent = await guest.agent();
  await agent.sync(SLOW);
  match(await errorOf(agent, "powerdown"), /10\.0\.2\.2/);
  deepEqual(await agent.execute("guest-ping"), {});
  await rejects(guest.qmp.waitEvent("SHUTDOWN", { timeoutMs: 500 }));
});
