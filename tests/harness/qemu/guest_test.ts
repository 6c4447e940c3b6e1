import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { DeadlineError } from "../deadline.ts";
import { Guest } from "./guest.ts";
import { GuestAgentError } from "./guest_agent_client.ts";
import { stockAgent } from "./programs.ts";
import { QmpError } from "./qmp.ts";

const AGENT_COMMAND = "qemu-ga -m virtio-serial -p /dev/vport0p1 -t /run";

/** The stock agent calls /sbin/shutdown; Talos has none, nor has busybox. */
const SHUTDOWN = { content: "#!/bin/sh\npoweroff -f\n", mode: 0o755 };

const FAILING = { content: "#!/bin/sh\nexit 1\n", mode: 0o755 };

/** Gives the agent what it takes to answer for the first time, on a slow machine too. */
const FIRST_ANSWER = { timeoutMs: 30_000 };

Deno.test("a guest with the stock agent", async (t) => {
  await using guest = await Guest.boot({
    programs: { "/usr/sbin/qemu-ga": await stockAgent() },
    files: { "/sbin/shutdown": SHUTDOWN, "/etc/from-the-test": "hello" },
    agentCommand: AGENT_COMMAND,
  });

  await t.step("the agent answers", async () => {
    await using agent = await guest.agent();
    await agent.sync(FIRST_ANSWER);
    deepEqual(await agent.execute("guest-ping"), {});
    const info = await agent.execute("guest-info");
    ok(typeof info === "object" && info !== null && "version" in info);
    equal(await agent.execute("guest-sync", { id: 2n ** 63n - 1n }), 2n ** 63n - 1n);
    await rejects(agent.execute("guest-nonsense"), GuestAgentError);
    const opened = await guest.qmp.waitEvent("VSERPORT_CHANGE");
    deepEqual(opened.data, { open: true, id: "qga0dev" });
  });

  await t.step("another client follows when the first has gone", async () => {
    for (let client = 0; client < 3; client++) {
      await using agent = await guest.agent();
      await agent.sync();
      deepEqual(await agent.execute("guest-ping"), {});
    }
  });

  await t.step("commands run in the guest", async () => {
    deepEqual(await guest.run("cat /etc/from-the-test; echo ö >&2; exit 3"), {
      status: 3,
      stdout: "hello",
      stderr: "ö\n",
    });
    const { stdout } = await guest.run("head -c 300000 /dev/zero | tr '\\0' x");
    equal(stdout.length, 300_000);
    equal((await guest.run("hostname")).stdout, "talos-vm\n");
  });

  await t.step("a command that hangs is given up and holds up nothing", async () => {
    const hanging = rejects(
      guest.run("sleep 60", { timeoutMs: 500 }),
      (error: Error) => error.cause instanceof DeadlineError && /console/.test(error.message),
    );
    equal((await guest.run("echo still here")).stdout, "still here\n");
    await hanging;
  });

  await t.step("the host's trees are where the DaemonSet has them", async () => {
    const { stdout } = await guest.run(
      "cat /host/root/etc/os-release /host/proc/1/comm; ls /host/sys/class/virtio-ports /host/dev",
    );
    match(stdout, /^ID=talos$/m);
    match(stdout, /^init$/m);
    match(stdout, /^vport0p1$/m);
  });

  await t.step("the guest reaches a server on this machine's loopback", async () => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("from the host", { headers: { connection: "close" } }),
    );
    const url = `http://10.0.2.2:${server.addr.port}/`;
    equal((await guest.run(`wget -q -O - ${url}`)).stdout, "from the host");
  });

  await t.step("the port is unplugged and plugged again", async () => {
    await guest.unplugPort();
    await rejects(guest.unplugPort(), QmpError);
    equal((await guest.run("ls /dev | grep -c vport")).stdout, "1\n");
    await guest.plugPort();
    await guest.run("while ! [ -e /dev/vport0p1 ]; do usleep 20000; done");
    await guest.run(`kill $(cat /run/agent.pid); ${AGENT_COMMAND} >/run/agent.log 2>&1 &`);
    await using agent = await guest.agent();
    await agent.sync(FIRST_ANSWER);
    deepEqual(await agent.execute("guest-ping"), {});
  });

  await t.step("a reset brings up everything again", async () => {
    await guest.run("touch /etc/before-the-reset");
    await guest.reset();
    equal((await guest.run("ls /etc/before-the-reset")).status, 1);
    await using agent = await guest.agent();
    await agent.sync(FIRST_ANSWER);
  });

  await t.step("a shutdown by the agent ends QEMU", async () => {
    await using agent = await guest.agent();
    await agent.sync();
    await agent.request("guest-shutdown", { mode: "powerdown" });
    const event = await guest.qmp.waitEvent("SHUTDOWN");
    deepEqual(event.data, { guest: true, reason: "guest-shutdown" });
    equal((await guest.exited).code, 0);
  });
});

Deno.test("a guest that ends when it reboots, without an agent and its port", async () => {
  await using guest = await Guest.boot({ agentPort: false, noReboot: true });
  equal((await guest.run("ls /dev | grep -c vport")).stdout, "1\n");
  await guest.plugPort();
  await guest.run("while ! [ -e /dev/vport0p2 ]; do usleep 20000; done");
  await guest.run("(sleep 0.2; reboot -f) &");
  const event = await guest.qmp.waitEvent("SHUTDOWN");
  deepEqual(event.data, { guest: true, reason: "guest-reset" });
  equal((await guest.exited).code, 0);
});

Deno.test("a guest that QEMU cannot start says why, and leaves nothing behind", async () => {
  // The first before there is any socket to connect to.
  await rejects(Guest.boot({ extraDevices: ["-no-such-option"] }), /no-such-option/);
  await rejects(Guest.boot({ extraDevices: ["-device", "no-such-device"] }), /no-such-device/);
});

Deno.test("a guest that cannot boot says why", async () => {
  await rejects(
    Guest.boot({ files: { "/init": FAILING }, noReboot: true }),
    /QEMU ended[^]*Kernel panic/,
  );
});

Deno.test("QEMU dies with a test runner that is killed", async () => {
  const temporary = await Deno.makeTempDir();
  try {
    const module = import.meta.resolve("./guest.ts");
    await using runner = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `const { Guest } = await import("${module}");
        const guest = await Guest.boot();
        console.log(guest.pid);
        await guest.exited;`,
      ],
      env: { TMPDIR: temporary },
      stdout: "piped",
    }).spawn();
    const { value } = await runner.stdout.pipeThrough(new TextDecoderStream()).values().next();
    const pid = Number(value);
    ok(pid > 0);
    runner.kill("SIGKILL");
    const end = performance.now() + 5000;
    while (await runs(pid)) {
      ok(performance.now() < end, `QEMU ${pid} still runs`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
});

/** Whether there is such a process; one that nobody has waited for yet is none. */
async function runs(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+[ZX]/m.test(await Deno.readTextFile(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
