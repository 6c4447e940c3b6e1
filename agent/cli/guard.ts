import { readBlockDeviceMounts } from "../host/mounts/block_device_mounts.ts";
import { ConfigError } from "../config/config_error.ts";
import { KernelFileSystemCalls } from "../freeze/file_system_calls.ts";
import { FreezeMarker } from "../freeze/freeze_marker.ts";
import { Guard } from "../freeze/guard.ts";
import { GuardLock } from "../freeze/guard_lock.ts";
import { LastFreezeFile } from "../freeze/last_freeze.ts";
import { DirectoryWatch } from "../linux/directory_watch.ts";
import { Host } from "../host/host.ts";
import { useNoHugePages } from "../linux/huge_pages.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc, LibcError } from "../linux/libc.ts";
import { readMonotonicClock } from "../linux/monotonic_clock.ts";
import { PausedLines } from "../log/paused_lines.ts";
import { lineLog } from "../log/log.ts";
import { atOnce } from "../steps.ts";
import { hasFlag, loadProcessConfig, parseWords } from "./command_line.ts";
import { lineFormat, LogOutput } from "../daemon/log_output.ts";
import { onSignals } from "../daemon/signals.ts";
import { versionLine } from "../version.ts";

const HELP = `Usage: qemu-ga-talos guard [OPTION]...

Watches the agent's freezes from a process of its own, and thaws when the agent cannot: when it was
killed, or lives and has not thawed a few seconds after --fsfreeze-timeout. Start it next to the agent,
with the same --statedir and --path-rootfs, and in a cgroup of its own, so that what kills the one does
not kill the other. While nothing is frozen it sleeps. On SIGTERM it ends as soon as nothing is frozen.
`;

/** The sub-command `guard`: watches until SIGTERM or SIGINT. Gives the exit status. */
export async function guard(words: readonly string[]): Promise<number> {
  const commandLine = parseWords(words);
  if (hasFlag(commandLine, "help")) {
    const { optionsHelp } = await import("../config/help.ts");
    console.log(`${HELP}\n${optionsHelp()}`);
    return 0;
  }
  const [operand] = commandLine.operands;
  if (operand !== undefined) throw new ConfigError(`guard takes no arguments, found ${operand}`);
  using libc = new Libc();
  useNoHugePages(libc);
  const files = new KernelFiles(libc);
  const config = await loadProcessConfig(commandLine, files);
  for (const name of ["run", "net", "import"] as const) Deno.permissions.revokeSync({ name });

  // A log file is the agent's own.
  using output = new LogOutput(libc, undefined, false);
  using lines = new PausedLines({
    tellLost: (count, reason) => log.warn("log lines were lost", { lines: count, reason }),
  });
  const format = await lineFormat({ logFormat: config.logFormat, logfile: undefined });
  const log = lineLog(format, lines.write, { level: config.logLevel });
  output.open();
  // The guard lets them go as soon as nothing is frozen.
  lines.pause();
  lines.sendTo(output);
  using host = new Host(libc, files, {
    procfs: config.pathProcfs,
    sysfs: config.pathSysfs,
    devfs: config.pathDevfs,
    rootfs: config.pathRootfs,
  });
  const exists = (path: string) => files.exists(path);
  await using watch = new DirectoryWatch(libc);
  if (!watch.watchEntries(config.statedir)) {
    throw new ConfigError(
      `cannot watch the state directory ${config.statedir}: give the agent's with --statedir`,
    );
  }
  const guard = new Guard({
    calls: new KernelFileSystemCalls(libc),
    allMounts: () => atOnce(readBlockDeviceMounts(host, { include: ["*"], exclude: [] })),
    marker: new FreezeMarker(config.statedir, exists),
    lastFreeze: new LastFreezeFile(config.statedir, exists),
    change: () => watch.change(),
    log,
    pausable: lines,
    monotonicClock: () => readMonotonicClock(libc),
  });
  const stopped = Promise.withResolvers<void>();
  using _signals = onSignals(log, {
    stop: async () => {
      guard.stop();
      await watch[Symbol.asyncDispose]();
      stopped.resolve();
    },
    reopenLog: undefined,
  }, files);
  const held = await Promise.race([hold(new GuardLock(libc, config.statedir)), stopped.promise]);
  if (held === undefined) return 0;
  using _lock = held;
  log.info("guard started", { version: versionLine(), statedir: config.statedir });
  await guard.run();
  log.info("guard stopped");
  return 0;
}

async function hold(lock: GuardLock): Promise<Disposable> {
  try {
    return await lock.hold();
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    throw new ConfigError(`the guard cannot use the state directory: ${error.message}`);
  }
}
