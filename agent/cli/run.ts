import { messageOf } from "../fault.ts";
import { ConfigError } from "../config/config_error.ts";
import { readOtherMachine } from "../host/other_machine.ts";
import { useNoHugePages } from "../linux/huge_pages.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import { readMemoryLimit } from "../linux/memory_cgroup.ts";
import { memoryLimits } from "../memory/memory_limits.ts";
import { QEMU_JSON_LIMITS } from "../protocol/json_message_stream.ts";
import { ActivityFeed } from "../activity/activity.ts";
import { auditor } from "../activity/audit.ts";
import { PausedLines } from "../log/paused_lines.ts";
import { lineLog, type Log } from "../log/log.ts";
import { RepeatLimit } from "../log/repeat_limit.ts";
import { nextTurn } from "../steps.ts";
import { hasFlag, loadProcessConfig, parseWords } from "./command_line.ts";
import { requireKnownCommands } from "./command_names.ts";
import { isBackgroundProcess, reportReady, startInBackground } from "../daemon/daemonize.ts";
import { Agent } from "../daemon/agent.ts";
import { ConfigWatch } from "../daemon/config_watch.ts";
import { lineFormat, LogOutput } from "../daemon/log_output.ts";
import { openChannel } from "../daemon/open_channel.ts";
import { giveUpPermissions } from "../daemon/permissions.ts";
import { Pidfile } from "../daemon/pid_file.ts";
import { serve } from "../daemon/request_loop.ts";
import { onSignals } from "../daemon/signals.ts";
import type { BackgroundServicesOptions } from "../daemon/background_services.ts";
import { versionLine } from "../version.ts";

/** Long enough for a hypervisor's first request, which starting them would delay. */
const BACKGROUND_DELAY_MS = 50;

/** The sub-command `run`: serves until a signal ends it. Gives the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  const commandLine = parseWords(words);
  if (hasFlag(commandLine, "help")) return print((await import("./run_help.ts")).runHelp());
  if (hasFlag(commandLine, "version")) return print(versionLine());
  const [operand] = commandLine.operands;
  if (operand !== undefined) {
    throw new ConfigError(
      `unknown sub-command ${operand}; there are run, call, check, guard and version`,
    );
  }
  using libc = new Libc();
  useNoHugePages(libc);
  const files = new KernelFiles(libc);
  const configWatch = ConfigWatch.of(commandLine, files);
  const config = await loadProcessConfig(commandLine, files);
  if ([config.blockRpcs, config.allowRpcs].some((list) => list?.includes("help"))) {
    const { COMMANDS } = await import("../commands/all.ts");
    return print(COMMANDS.map(({ name }) => name).join("\n"));
  }
  if (hasFlag(commandLine, "dump-conf")) {
    const { dumpConfig } = await import("../config/dump_config.ts");
    return print(dumpConfig(config).trimEnd());
  }
  requireKnownCommands(config);
  const inBackground = isBackgroundProcess();
  if (config.daemonize && !inBackground) return await startInBackground(words);
  giveUpPermissions(config);

  using output = new LogOutput(libc, config.logfile, inBackground);
  using lines = new PausedLines({
    tellLost: (count, reason) => log.warn("log lines were lost", { lines: count, reason }),
  });
  const format = await lineFormat(config);
  using log = new RepeatLimit(lineLog(format, lines.write, { level: config.logLevel }));
  const feed = new ActivityFeed(log);
  // Neither a level nor a limit keeps an audit line out.
  using _audit = feed.subscribe(auditor(lineLog(format, lines.write), log));
  const { publish } = feed;
  const limits = memoryLimits(readMemoryLimit(files));
  await using agent = new Agent(config, log, lines, libc, publish, limits);
  // Before the log and the pidfile are opened: they may lie on what the last process left frozen.
  await thawLeftovers(agent, log);
  // Before anything is made that must be removed at the end.
  const stop = async (): Promise<void> => {
    await agent.stop();
    await channel[Symbol.asyncDispose]();
  };
  using _signals = onSignals(log, {
    stop,
    reopenLog: config.logfile === undefined
      ? undefined
      : () => lines.unlessPaused(() => reopenLog(output, lines, log)),
  }, files);
  output.open();
  lines.sendTo(output);
  using _pidfile = config.pidfile === undefined ? undefined : new Pidfile(libc, config.pidfile);
  await using channel = openChannel(
    config,
    { libc, files, log, publish },
    () => readOtherMachine(agent.host),
  );
  let portLoopEnded = false;
  const served = serve(channel, agent.dispatcher, log, publish, {
    ...QEMU_JSON_LIMITS,
    tokenBytes: limits.requestBytes,
    tokenCount: limits.requestTokens,
    reason: limits.reason,
  })
    .finally(() => portLoopEnded = true);
  // The host may be waiting already.
  await Promise.race([served, nextTurn()]);
  if (inBackground) reportReady();
  log.debug("limits of clients' data", { ...limits });
  log.info("agent started", { version: versionLine(), method: config.method });
  if (agent.openedCommands.length > 0) {
    log.info("open to clients, and closed by default", {
      commands: agent.openedCommands.join(","),
    });
  }
  using _configWatch = configWatch?.start({
    // What froze the file systems is to thaw them.
    mayEnd: () => agent.freezer.state === "thawed",
    end: (path) => {
      log.info("the configuration has changed: ending, to be started again with it", { path });
      void stop();
    },
  });
  await using _rest = startRestLater(agent, {
    config,
    feed,
    log,
    logLinesLost: () => lines.lost,
    portLoopEnded: () => portLoopEnded,
  });
  await served;
  await agent.stop();
  log.info("agent stopped");
  return 0;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

/** Thaws what a process that was killed left frozen. What fails is tried again by the freezer. */
async function thawLeftovers({ freezer, marker }: Agent, log: Log): Promise<void> {
  if (!marker.isThere()) return;
  try {
    await freezer.otherProcessDone();
    if (freezer.takeOver()) await freezer.thaw("start");
  } catch (error) {
    const reason = messageOf(error);
    log.error("cannot thaw what the last process left frozen", { reason });
  }
}

/** Does what is not needed to serve the hypervisor, a moment after that is served. */
function startRestLater(
  agent: Agent,
  options: Omit<BackgroundServicesOptions, "agent">,
): AsyncDisposable {
  const stack = new AsyncDisposableStack();
  const start = async (): Promise<void> => {
    const { startBackgroundServices } = await import("../daemon/background_services.ts");
    await startBackgroundServices({ ...options, agent }, stack);
  };
  let started = Promise.resolve();
  const timer = setTimeout(() => started = start(), BACKGROUND_DELAY_MS);
  stack.defer(() => started);
  stack.defer(() => clearTimeout(timer));
  return stack;
}

function reopenLog(output: LogOutput, lines: PausedLines, log: Log): void {
  try {
    output.open();
    lines.sendTo(output);
    log.info("log file reopened");
  } catch (error) {
    const reason = messageOf(error);
    log.error("the last log file stays in use", { reason });
  }
}
