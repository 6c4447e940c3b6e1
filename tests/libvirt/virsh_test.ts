import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { findProgram } from "../harness/qemu/programs.ts";
import { actAsMachined, startTalosApi, withTalosAgent } from "../harness/qemu/talos_guest.ts";
import { Domain } from "./domain.ts";
import { LibvirtDaemon } from "./libvirt_daemon.ts";

const NAME = "talos";
const SLOW = { timeoutMs: 60_000 };
const MEBIBYTE = 1024 * 1024;

/** `key : value` lines, as `virsh guestinfo` and `virsh guestvcpus` print them. */
function keysAndValues(text: string): Map<string, string> {
  return new Map(
    text.trim().split("\n").map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

/** The cells of a table as `virsh` prints it, without its heading. */
function rows(text: string): string[][] {
  return text.trim().split("\n").slice(2).map((line) => line.trim().split(/\s{2,}/));
}

/** Bytes that a file takes on this machine: less than its length where it has holes. */
async function allocated(path: string): Promise<number> {
  return ((await Deno.stat(path)).blocks ?? 0) * 512;
}

/** Whether an ext4 was cut off while it was mounted and not frozen, so that its journal is needed. */
async function needsRecovery(disk: string): Promise<boolean> {
  const { stdout } = await new Deno.Command(await findProgram("dumpe2fs"), {
    args: ["-h", disk],
    stderr: "null",
  }).output();
  const features = /^Filesystem features:.*$/m.exec(new TextDecoder().decode(stdout))?.[0];
  ok(features !== undefined, "there is no ext4");
  return features.includes("needs_recovery");
}

async function waitFor(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + SLOW.timeoutMs;
  while (!await condition()) {
    ok(performance.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function mountDisk(domain: Domain): Promise<void> {
  const { status, stderr } = await domain.run(
    "mkdir -p /host/root/var && mount -t ext4 /dev/vda /host/root/var",
    SLOW,
  );
  equal(status, 0, stderr);
}

Deno.test("a domain of libvirt's, driven by virsh", async (t) => {
  await using api = await startTalosApi();
  await using libvirt = await LibvirtDaemon.start();
  const guest = { modules: ["ext4"] };
  await using domain = await Domain.boot(libvirt, await withTalosAgent(api, { guest }));
  const virsh = (command: string, ...args: string[]) => libvirt.virsh(command, NAME, ...args);
  const agentCommand = async (command: string, args: Record<string, unknown> = {}) =>
    JSON.parse(
      await virsh("qemu-agent-command", JSON.stringify({ execute: command, arguments: args })),
    ).return;
  await mountDisk(domain);
  await domain.waitAgent();

  await t.step("qemu-agent-command", async () => {
    equal((await virsh("qemu-agent-command", '{"execute":"guest-ping"}')).trim(), '{"return":{}}');
    const id = "-9223372036854775808";
    const sync = `{"execute":"guest-sync","arguments":{"id":${id}}}`;
    equal((await virsh("qemu-agent-command", sync)).trim(), `{"return":${id}}`);
    const nonsense = virsh("qemu-agent-command", '{"execute":"guest-nonsense"}');
    await rejects(nonsense, /The command guest-nonsense has not been found/);
  });

  await t.step("guest-agent-timeout", async () => {
    match(await virsh("guest-agent-timeout", "--timeout", "30"), /^\s*$/);
    deepEqual(await agentCommand("guest-ping"), {});
  });

  await t.step("domifaddr --source agent", async () => {
    const [lo, second, eth0] = rows(await virsh("domifaddr", "--source", "agent"));
    deepEqual(lo, ["lo", "00:00:00:00:00:00", "ipv4", "127.0.0.1/8"]);
    deepEqual(second, ["-", "-", "ipv6", "::1/128"]);
    deepEqual(eth0, ["eth0", "52:54:00:12:34:56", "ipv4", "10.0.2.15/24"]);
  });

  await t.step("guestinfo", async () => {
    const info = keysAndValues(await virsh("guestinfo"));
    const release = (await domain.run("uname -r")).stdout.trim();
    const expected = {
      "user.count": "0",
      "os.id": "talos",
      "os.pretty-name": "Talos (v1.11.3)",
      "os.kernel-release": release,
      "timezone.name": "UTC",
      "timezone.offset": "0",
      hostname: "talos-vm",
      "fs.count": "1",
      "fs.0.name": "vda",
      "fs.0.mountpoint": "/var",
      "fs.0.fstype": "ext4",
      "fs.0.disk.0.alias": "vda",
      "fs.0.disk.0.serial": "disk-of-the-test",
      "fs.0.disk.0.device": "/dev/vda",
      "disk.count": "1",
      "disk.0.name": "/dev/vda",
      "disk.0.partition": "no",
      "disk.0.alias": "vda",
      "if.count": "2",
      "if.0.name": "lo",
      "if.1.hwaddr": "52:54:00:12:34:56",
      "if.1.addr.0.addr": "10.0.2.15",
    };
    for (const [key, value] of Object.entries(expected)) equal(info.get(key), value, key);
    ok(Number(info.get("fs.0.total-bytes")) > Number(info.get("fs.0.used-bytes")));
    // Asked for one by one, what the agent does not support would be an error.
    for (const type of ["user", "os", "timezone", "hostname", "filesystem", "disk", "interface"]) {
      await virsh("guestinfo", `--${type}`);
    }
  });

  await t.step("domhostname --source agent", async () => {
    equal((await virsh("domhostname", "--source", "agent")).trim(), "talos-vm");
  });

  await t.step("domfsinfo", async () => {
    deepEqual(rows(await virsh("domfsinfo")), [["/var", "vda", "ext4", "vda"]]);
  });

  await t.step("sizes as KubeVirt takes them from a raw command", async () => {
    const [fileSystem] = await agentCommand("guest-get-fsinfo");
    ok(Number.isInteger(fileSystem["used-bytes"]) && fileSystem["used-bytes"] > 0);
  });

  await t.step("domtime, which tells and does not set", async () => {
    const seconds = Number(/\d+/.exec(await virsh("domtime"))?.[0]);
    ok(Math.abs(seconds - Date.now() / 1000) < 60, `${seconds}`);
    for (const how of [["--now"], ["--sync"], ["--time", "1700000000"]]) {
      await rejects(
        virsh("domtime", ...how),
        /guest-set-time has been disabled: Talos owns the clock/,
      );
    }
  });

  await t.step("setvcpus --guest, vcpucount --guest and guestvcpus", async () => {
    equal((await virsh("vcpucount", "--guest")).trim(), "2");
    await virsh("setvcpus", "1", "--guest");
    equal((await virsh("vcpucount", "--guest")).trim(), "1");
    equal((await domain.run("cat /sys/devices/system/cpu/online")).stdout, "0\n");
    await virsh("guestvcpus", "--cpulist", "1", "--enable");
    const cpus = keysAndValues(await virsh("guestvcpus"));
    deepEqual([cpus.get("online"), cpus.get("offlinable")], ["0-1", "1"]);
    await rejects(virsh("guestvcpus", "--cpulist", "0", "--disable"), /not offlinable/);
  });

  await t.step("domfsfreeze and domfsthaw", async () => {
    const write = "(echo x >/host/root/var/written; touch /run/has-written) >/dev/null 2>&1 &";
    match(await virsh("domfsfreeze"), /Froze 1 filesystem/);
    equal(await agentCommand("guest-fsfreeze-status"), "frozen");
    equal(await needsRecovery(domain.disk), false);
    await domain.run(write);
    await rejects(virsh("domfsinfo"), /the agent is in frozen state/);
    equal((await domain.run("sleep 1; ls /run/has-written", SLOW)).status, 1);
    match(await virsh("domfsthaw"), /Thawed 1 filesystem/);
    await waitFor("the write after the thaw", async () => {
      return (await domain.run("ls /run/has-written")).status === 0;
    });
    equal(await agentCommand("guest-fsfreeze-status"), "thawed");
    match(await virsh("domfsfreeze", "--mountpoint", "/var"), /Froze 1 filesystem/);
    match(await virsh("domfsthaw"), /Thawed 1 filesystem/);
    await rejects(virsh("domfsfreeze", "--mountpoint", "/no/such"), /no file system to freeze/);
    equal(await agentCommand("guest-fsfreeze-status"), "thawed");
  });

  await t.step("domfstrim", async () => {
    const size = 16 * MEBIBYTE;
    const file = "/host/root/var/big";
    const before = await allocated(domain.disk);
    await domain.run(`dd if=/dev/urandom of=${file} bs=1M count=16 && sync`, SLOW);
    const full = await allocated(domain.disk);
    ok(full - before >= size, `${full - before} bytes were written`);
    await domain.run(`rm ${file}; sync`, SLOW);
    await virsh("domfstrim", "--minimum", String(4 * MEBIBYTE));
    const trimmed = await allocated(domain.disk);
    ok(full - trimmed >= size / 2, `${full - trimmed} bytes were given back`);
    await virsh("domfstrim");
    equal((await agentCommand("guest-fstrim")).paths[0].path, "/var");
  });

  await t.step("snapshot-create-as --quiesce", async () => {
    equal(await needsRecovery(domain.disk), true);
    const options = ["--disk-only", "--quiesce", "--no-metadata"];
    match(await virsh("snapshot-create-as", "quiesced", ...options), /quiesced created/);
    // From now on the domain writes to another file.
    equal(await needsRecovery(domain.disk), false);
    equal(await agentCommand("guest-fsfreeze-status"), "thawed");
    equal((await domain.run("touch /host/root/var/after && sync", SLOW)).status, 0);
  });

  await t.step("set-user-password and get-user-sshkeys, which Talos cannot have", async () => {
    const reason = /Talos has no users, passwords or ssh/;
    await rejects(virsh("set-user-password", "root", "secret"), reason);
    await rejects(virsh("get-user-sshkeys", "root"), reason);
  });

  await t.step("dompmsuspend and dompmwakeup", async () => {
    for (const target of ["hybrid", "disk"]) {
      await rejects(virsh("dompmsuspend", target), /mode is not supported by the guest/);
    }
    await virsh("dompmsuspend", "mem");
    await waitFor("the domain sleeps", async () => {
      return (await virsh("domstate")).trim() === "pmsuspended";
    });
    await virsh("dompmwakeup");
    await domain.waitAgent();
    equal((await virsh("domstate")).trim(), "running");
  });

  await t.step("an agent that was killed and started again", async () => {
    await domain.run("kill -9 $(cat /run/agent.pid)");
    await rejects(async () => {
      for (;;) await virsh("qemu-agent-command", '{"execute":"guest-ping"}');
    }, /Guest agent is not responding/);
    await domain.run("/bin/start-agent >/dev/null 2>&1 &");
    await domain.waitAgent();
    deepEqual(rows(await virsh("domfsinfo")), [["/var", "vda", "ext4", "vda"]]);
  });

  await t.step("a shutdown --mode agent that Talos refuses", async () => {
    await api.fault({ fault: "status", code: 9, message: "not in container mode", times: 1 });
    await rejects(virsh("shutdown", "--mode", "agent"), /FAILED_PRECONDITION/);
    equal((await virsh("domstate")).trim(), "running");
  });

  await t.step("reboot --mode agent", async () => {
    const machined = actAsMachined(api, domain);
    match(await virsh("reboot", "--mode", "agent"), /is being rebooted/);
    await machined;
    equal(api.calls.all.at(-1)?.method, "Reboot");
    await domain.waitAgent();
    equal((await virsh("domstate")).trim(), "running");
    // The file systems of the first boot are gone.
    deepEqual(rows(await virsh("domfsinfo")), []);
    await mountDisk(domain);
    equal((await domain.run("ls /host/root/var/after")).status, 0);
  });

  await t.step("shutdown --mode agent", async () => {
    const machined = actAsMachined(api, domain);
    match(await virsh("shutdown", "--mode", "agent"), /is being shutdown/);
    await machined;
    equal(api.calls.all.at(-1)?.method, "Shutdown");
    await waitFor("the domain is off", async () => {
      return (await virsh("domstate", "--reason")).trim() === "shut off (shutdown)";
    });
  });
});
