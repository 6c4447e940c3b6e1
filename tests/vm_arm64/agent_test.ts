import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { COMMANDS } from "../../agent/commands/all.ts";
import { ARM64 } from "../harness/qemu/architecture.ts";
import { DATA, FreezeGuest, MARKER, STATE, VAR } from "../harness/qemu/freeze_guest.ts";
import { succeededOn } from "../harness/qemu/freeze_trace.ts";
import { startTalosApi } from "../harness/qemu/talos_guest.ts";

const SLOW = { timeoutMs: 120_000 };

interface FileSystem {
  readonly mountpoint: string;
  readonly type: string;
  readonly "total-bytes-privileged": number;
  readonly disk: readonly { readonly "bus-type": string; readonly dev?: string }[];
}

Deno.test("the agent for arm64 on a machine of arm64", async (t) => {
  await using api = await startTalosApi();
  await using node = await FreezeGuest.boot(api, ARM64);
  const { guest, trace } = node;
  const ask = async (command: string, args?: Record<string, unknown>): Promise<unknown> => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    return await agent.execute(command, args, SLOW);
  };
  const everything = [DATA, STATE, VAR].map(({ device }) => device);

  await t.step("knows all commands, and the machine that it is on", async () => {
    const info = await ask("guest-info") as { supported_commands: { name: string }[] };
    deepEqual(
      info.supported_commands.map(({ name }) => name),
      COMMANDS.map(({ name }) => name),
    );
    const os = await ask("guest-get-osinfo") as Record<string, string>;
    equal(os["machine"], ARM64.machine);
    equal(os["kernel-release"], (await node.run("uname -r")).trim());
    const time = Number(await ask("guest-get-time")) / 1e6;
    ok(Math.abs(time - Date.now()) < 60_000, `the guest's clock says ${new Date(time)}`);
    deepEqual(await ask("guest-get-host-name"), { "host-name": "talos-vm" });
  });

  await t.step("reads what the kernel gives it in structures", async () => {
    const fileSystems = await ask("guest-get-fsinfo") as FileSystem[];
    for (const { mountPoint, type, disk } of [STATE, VAR, DATA]) {
      const found = fileSystems.find(({ mountpoint }) => mountpoint === mountPoint);
      equal(found?.type, type);
      // statvfs(3)
      const blocks = await node.run(`stat -f -c '%b %S' /host/root${mountPoint}`);
      const [count = NaN, size = NaN] = blocks.trim().split(" ").map(Number);
      equal(found?.["total-bytes-privileged"], count * size, mountPoint);
      deepEqual(found?.disk.map(({ dev }) => dev), [disk]);
      equal(found?.disk[0]?.["bus-type"], "virtio");
    }
    const interfaces = await ask("guest-network-get-interfaces") as {
      name: string;
      "ip-addresses"?: { "ip-address": string }[];
    }[];
    const network = interfaces.find(({ name }) => name === "eth0");
    equal(network?.["ip-addresses"]?.[0]?.["ip-address"], "10.0.2.15");
    const routes = await ask("guest-network-get-route") as { gateway?: string }[];
    ok(routes.some(({ gateway }) => gateway === "10.0.2.2"));
    deepEqual(await ask("guest-get-vcpus"), [
      { "logical-id": 0, online: true, "can-offline": false },
    ]);
    ok((await ask("guest-get-cpustats") as unknown[]).length > 0);
    ok((await ask("guest-get-diskstats") as unknown[]).length >= 3);
    ok((await ask("guest-get-disks") as unknown[]).length >= 3);
  });

  await t.step("opens, writes and reads files, and runs programs", async () => {
    equal(
      await node.run(
        "kill $(cat /run/agent.pid); while [ -e /proc/$(cat /run/agent.pid) ]; do " +
          "usleep 20000; done",
      ),
      "",
    );
    await node.startAgent(
      "--allow-rpcs=" + COMMANDS.map(({ name }) => name).join(),
    );
    const path = "/var/greeting";
    const handle = await ask("guest-file-open", { path, mode: "w+" });
    deepEqual(await ask("guest-file-write", { handle, "buf-b64": btoa("hello") }), {
      count: 5,
      eof: false,
    });
    deepEqual(await ask("guest-file-seek", { handle, offset: 1, whence: "set" }), {
      position: 1,
      eof: false,
    });
    deepEqual(await ask("guest-file-read", { handle }), {
      count: 4,
      "buf-b64": btoa("ello"),
      eof: true,
    });
    deepEqual(await ask("guest-file-close", { handle }), {});
    equal(await node.run(`cat /host/root${path}`), "hello");
    const { pid } = await ask("guest-exec", {
      path: "/bin/sh",
      arg: ["-c", "cat; uname -m"],
      "input-data": btoa("in\n"),
      "capture-output": true,
    }) as { pid: number };
    for (;;) {
      const status = await ask("guest-exec-status", { pid }) as Record<string, unknown>;
      if (status["exited"] !== true) continue;
      equal(status["exitcode"], 0);
      equal(atob(String(status["out-data"])), `in\n${ARM64.machine}\n`);
      break;
    }
  });

  await t.step("freezes and thaws ext4 and xfs under running writers", async () => {
    for (const { mountPoint } of [STATE, VAR, DATA]) await node.startWriter(mountPoint);
    deepEqual(await node.stoppedWriters(), []);
    await trace.clear();
    equal(await ask("guest-fsfreeze-freeze"), 3);
    equal(await ask("guest-fsfreeze-status"), "frozen");
    deepEqual(await node.stoppedWriters(), ["/system/state", "/var", "/var/mnt/data"]);
    equal(await ask("guest-fsfreeze-thaw"), 3);
    await node.waitForWriters();
    const { calls } = await trace.read();
    deepEqual(succeededOn(calls, "freeze"), everything);
    deepEqual(succeededOn(calls, "thaw"), everything.toReversed());
  });

  await t.step("its guard thaws when it is killed while everything is frozen", async () => {
    await node.startGuard();
    equal(await ask("guest-fsfreeze-freeze"), 3);
    await node.run(`kill -9 $(cat /run/agent.pid); while [ -e ${MARKER} ]; do usleep 20000; done`);
    await node.waitForWriters();
    await node.startAgent();
    await rejects(ask("guest-fsfreeze-thaw"), /by the guard/);
    equal(await ask("guest-fsfreeze-thaw"), 0);
  });

  await t.step("gives unused blocks back", async () => {
    const { paths } = await ask("guest-fstrim") as {
      paths: { path: string; trimmed?: number }[];
    };
    deepEqual(paths.map(({ path }) => path), ["/var/mnt/data", "/var", "/system/state"]);
    ok(paths.every(({ trimmed = -1 }) => trimmed >= 0), JSON.stringify(paths));
  });

  await t.step("has Talos shut the machine down", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    const before = api.calls.all.length;
    await agent.request("guest-shutdown");
    const calls = await api.calls.waitFor(before + 1, SLOW.timeoutMs);
    equal(calls[before]?.method, "Shutdown");
    match(await guest.agentLog(), /power action requested/);
    equal((await guest.powerOff()).code, 0);
  });
});
