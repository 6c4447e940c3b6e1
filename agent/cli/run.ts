import type { Channel } from "../channel/channel.ts";
import { COMMANDS } from "../commands/all.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import { releaseProgramPages } from "../host/program_pages.ts";
import { isInMemory } from "../host/memory_file_system.ts";
import { ActivityFeed } from "../telemetry/activity.ts";
import { auditor } from "../telemetry/audit.ts";
import { HeldBackLines } from "../telemetry/held_back_lines.ts";
import { jsonLine, type LineFormat, lineLog, type Log, type LogSink } from "../telemetry/log.ts";
import { RepeatLimit } from "../telemetry/repeat_limit.ts";
import { Agent } from "./agent.ts";
import { hasFlag, loadProcessConfig, parseWords } from "./command_line.ts";
import { isBackgroundProcess, reportReady, startInBackground } from "./daemonize.ts";
import { openChannel } from "./open_channel.ts";
import { giveUpPermissions } from "./permissions.ts";
import { Pidfile } from "./pidfile.ts";
import { serve } from "./serve.ts";
import { VERSION, versionLine } from "./version.ts";

/** Long enough for a hypervisor's first request, which loading would hold up. */
const REST_DELAY_MS = 50;

/** The sub-command `run`: serves until SIGTERM or SIGINT. Gives the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  const commandLine = parseWords(words);
  if (hasFlag(commandLine, "help")) return print((await import("./run_help.ts")).runHelp());
  if (hasFlag(commandLine, "version")) return print(versionLine());
  const [operand] = commandLine.operands;
  if (operand !== undefined) {
    throw new ConfigError(`unknown sub-command ${operand}; there are run, call, check and version`);
  }
  using libc = new Libc();
  const config = await loadProcessConfig(commandLine, new KernelFiles(libc));
  if ([config.blockRpcs, config.allowRpcs].some((list) => list?.includes("help"))) {
    return print(COMMANDS.map(({ name }) => name).join("\n"));
  }
  if (hasFlag(commandLine, "dump-conf")) {
    const { dumpConfig } = await import("../config/dump_config.ts");
    return print(dumpConfig(config).trimEnd());
  }
  const inBackground = isBackgroundProcess();
  if (config.daemonize && !inBackground) return await startInBackground(words);
  giveUpPermissions(config);

  const lines = new HeldBackLines();
  const format = await lineFormat(config);
  const sink: LogSink = (line) => lines.write(line);
  using log = new RepeatLimit(lineLog(format, sink, { level: config.logLevel }));
  const feed = new ActivityFeed(log);
  // Neither a level nor a limit keeps an audit line out.
  using _audit = feed.subscribe(auditor(lineLog(format, sink), log));
  await using agent = new Agent(config, log, lines, libc, feed.publish);
  // Before the log and the pidfile are opened: they may lie on what the last process left frozen.
  await thawLeftovers(agent, log);
  lines.sendTo(openLog(config, inBackground));
  using _pidfile = config.pidfile === undefined ? undefined : new Pidfile(libc, config.pidfile);
  await using channel = openChannel(config, agent, log, feed.publish);
  using _signals = stopOnSignals(agent, channel, log);
  let portLoopEnded = false;
  const served = serve(channel, agent.dispatcher, log, feed.publish)
    .finally(() => portLoopEnded = true);
  // The host may be waiting already.
  await Promise.race([served, nextTurn()]);
  if (inBackground) reportReady();
  log.info("agent started", { version: versionLine(), method: config.method });
  await using _rest = startTheRest(config, agent, feed, log, () => portLoopEnded);
  await served;
  await agent.stop();
  log.info("agent stopped");
  return 0;
}

/** Lets the event loop do what there is to do. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

function print(text: string): number {
  console.log(text);
  return 0;
}

/** Thaws what a process that was killed left frozen. What fails is tried again by the freezer. */
async function thawLeftovers(agent: Agent, log: Log): Promise<void> {
  try {
    await agent.freezer.otherProcessDone();
    if (agent.freezer.takeOver()) await agent.freezer.thaw("start");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error("cannot thaw what the last process left frozen", { reason });
  }
}

/** Does what is not needed to serve the hypervisor, a moment after that is served. */
function startTheRest(
  config: Config,
  agent: Agent,
  feed: ActivityFeed,
  log: Log,
  portLoopEnded: () => boolean,
): AsyncDisposable {
  const stack = new AsyncDisposableStack();
  const start = async (): Promise<void> => {
    const { listenAddress: address, talosconfig } = config;
    reportStateDirectory(agent, config, log);
    await reportCredentials(agent, log);
    if (stack.disposed) return;
    if (address !== undefined) {
      const { startTelemetry } = await import("../telemetry/telemetry.ts");
      const { processStatistics } = await import("../host/process_statistics.ts");
      if (stack.disposed) return;
      stack.use(startTelemetry({
        address,
        feed,
        log,
        version: VERSION,
        versionLine: versionLine(),
        processStatistics: () => processStatistics(agent.files),
        portLoopEnded,
        checkCredentials: talosconfig === undefined
          ? undefined
          : () => agent.power.checkCredentials(),
      }));
    }
    if (config.kubernetesEvents) {
      const { startKubernetesEvents } = await import("../telemetry/kubernetes_events.ts");
      if (stack.disposed) return;
      const environment = (name: string) => Deno.env.get(name);
      stack.use(startKubernetesEvents({ feed, log, environment }));
    }
    feed.startIsOver();
    agent.libc.compileFrequent();
    releaseProgramPages(agent.libc, agent.files);
  };
  let started = Promise.resolve();
  const timer = setTimeout(() => started = start(), REST_DELAY_MS);
  stack.defer(() => started);
  stack.defer(() => clearTimeout(timer));
  return stack;
}

/** What log lines look like; colours are for people at a terminal who do not refuse them. */
async function lineFormat({ logFormat, logfile }: Config): Promise<LineFormat> {
  if (logFormat === "json") return jsonLine;
  const { textLine } = await import("../telemetry/text_line.ts");
  const refused = (Deno.env.get("NO_COLOR") ?? "") !== "";
  return textLine(logfile === undefined && Deno.stderr.isTerminal() && !refused);
}

/** Where log lines go. */
function openLog(config: Config, inBackground: boolean): LogSink {
  const encoder = new TextEncoder();
  if (config.logfile === undefined) {
    if (inBackground) return () => {};
    return (line) => Deno.stderr.writeSync(encoder.encode(line));
  }
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(config.logfile, { append: true, create: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot write the log file ${config.logfile}: ${reason}`);
  }
  return (line) => file.writeSync(encoder.encode(line));
}

/** A shutdown that cannot work should be known before it is needed. */
async function reportCredentials(agent: Agent, log: Log): Promise<void> {
  const fault = await agent.power.checkCredentials();
  if (fault !== undefined) log.warn("guest-shutdown will not work", { reason: fault });
}

/** The marker of a freeze should lie where no freeze reaches it, and not outlive the machine. */
function reportStateDirectory(agent: Agent, { statedir }: Config, log: Log): void {
  try {
    if (isInMemory(agent.libc, statedir)) return;
    log.warn("the state directory should be on a tmpfs", { statedir });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn("guest-fsfreeze-freeze will not work without a state directory", { reason });
  }
}

/** A frozen node is thawed before anything else. */
function stopOnSignals(agent: Agent, channel: Channel, log: Log): Disposable {
  const signals = ["SIGTERM", "SIGINT"] as const;
  const listeners = signals.map((signal) => {
    const stop = async () => {
      log.info("stopping", { signal });
      await agent.stop();
      await channel[Symbol.asyncDispose]();
    };
    Deno.addSignalListener(signal, stop);
    return { signal, stop };
  });
  return {
    [Symbol.dispose]: () => {
      for (const { signal, stop } of listeners) Deno.removeSignalListener(signal, stop);
    },
  };
}
