import type { Channel } from "../channel/channel.ts";
import { COMMANDS } from "../commands/all.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import { dumpConfig } from "../config/dump_config.ts";
import { optionsHelp } from "../config/help.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import { jsonLog, type Log, silentLog } from "../telemetry/log.ts";
import { Agent } from "./agent.ts";
import { hasFlag, loadProcessConfig, parseWords } from "./command_line.ts";
import { isBackgroundProcess, reportReady, startInBackground } from "./daemonize.ts";
import { openChannel } from "./open_channel.ts";
import { Pidfile } from "./pidfile.ts";
import { serve } from "./serve.ts";
import { versionLine } from "./version.ts";

const HELP = `Usage: qemu-ga-talos [run] [OPTION]...
       qemu-ga-talos call [--local | --path SOCKET] COMMAND [ARGUMENTS]
       qemu-ga-talos version

The QEMU guest agent for Talos Linux. It serves the hypervisor on a virtio-serial port and shuts
the node down through the Talos API.
`;

/** The sub-command `run`: serves until SIGTERM or SIGINT. Gives the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  const commandLine = parseWords(words);
  if (hasFlag(commandLine, "help")) return print(`${HELP}\n${optionsHelp()}`);
  if (hasFlag(commandLine, "version")) return print(versionLine());
  const [operand] = commandLine.operands;
  if (operand !== undefined) {
    throw new ConfigError(`unknown sub-command ${operand}; there are run, call and version`);
  }
  using libc = new Libc();
  const config = await loadProcessConfig(commandLine, new KernelFiles(libc));
  if ([config.blockRpcs, config.allowRpcs].some((list) => list?.includes("help"))) {
    return print(COMMANDS.map(({ name }) => name).join("\n"));
  }
  if (hasFlag(commandLine, "dump-conf")) return print(dumpConfig(config).trimEnd());
  const inBackground = isBackgroundProcess();
  if (config.daemonize && !inBackground) return await startInBackground(words);
  // Nothing but going to the background runs programs.
  Deno.permissions.revokeSync({ name: "run" });

  const log = openLog(config, inBackground);
  await using agent = new Agent(config, log, libc);
  using _pidfile = config.pidfile === undefined ? undefined : new Pidfile(libc, config.pidfile);
  await using channel = await openChannel(config, agent, log);
  using _signals = stopOnSignals(channel, log);
  if (inBackground) reportReady();
  log.info("agent started", { version: versionLine(), method: config.method });
  const served = serve(channel, agent.dispatcher, log);
  const checked = reportCredentials(agent, log);
  await served;
  await checked;
  log.info("agent stopped");
  return 0;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function openLog(config: Config, inBackground: boolean): Log {
  const encoder = new TextEncoder();
  const level = config.verbose ? "debug" : "info";
  if (config.logfile === undefined) {
    if (inBackground) return silentLog;
    return jsonLog((line) => Deno.stderr.writeSync(encoder.encode(line)), { level });
  }
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(config.logfile, { append: true, create: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot write the log file ${config.logfile}: ${reason}`);
  }
  return jsonLog((line) => file.writeSync(encoder.encode(line)), { level });
}

/** A shutdown that cannot work should be known before it is needed. */
async function reportCredentials(agent: Agent, log: Log): Promise<void> {
  const fault = await agent.power.checkCredentials();
  if (fault !== undefined) log.warn("guest-shutdown will not work", { reason: fault });
}

function stopOnSignals(channel: Channel, log: Log): Disposable {
  const signals = ["SIGTERM", "SIGINT"] as const;
  const listeners = signals.map((signal) => {
    const stop = () => {
      log.info("stopping", { signal });
      void channel[Symbol.asyncDispose]();
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
