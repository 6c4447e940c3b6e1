import { messageOf } from "../fault.ts";
import { type Config, reachesTalos } from "../config/config.ts";
import { isInMemory } from "../linux/memory_file_system.ts";
import { processStatistics } from "../linux/process_statistics.ts";
import type { ActivityFeed } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import type { Agent } from "./agent.ts";
import { VERSION, versionLine } from "../version.ts";

/** What the rest of the agent works with. */
export interface BackgroundServicesOptions {
  readonly config: Config;
  readonly agent: Agent;
  readonly feed: ActivityFeed;
  readonly log: Log;
  /** How many log lines were lost since the start. */
  readonly logLinesLost: () => number;
  /** Whether the loop that serves the port has ended. */
  readonly portLoopEnded: () => boolean;
}

/**
 * Starts what is not needed to serve the hypervisor: warnings about the set-up, metrics and health, and
 * Kubernetes events. It goes into `stack`, which may be disposed of meanwhile.
 */
export async function startBackgroundServices(
  { config, agent, feed, log, logLinesLost, portLoopEnded }: BackgroundServicesOptions,
  stack: AsyncDisposableStack,
): Promise<void> {
  const { listenAddress: address } = config;
  reportStateDirectory(agent, config, log);
  agent.freezer.reportLastFreeze();
  await reportCredentials(agent, log);
  if (stack.disposed) return;
  if (address !== undefined) {
    const { startTelemetry } = await import("../http/endpoints.ts");
    if (stack.disposed) return;
    stack.use(startTelemetry({
      address,
      feed,
      log,
      version: VERSION,
      versionLine: versionLine(),
      processStatistics: () => processStatistics(agent.files),
      guardWatches: () => agent.guardLock.isHeld(),
      logLinesLost,
      portLoopEnded,
      counting: config.readiness,
      checkCredentials: reachesTalos(config) ? () => agent.power.checkCredentials() : undefined,
    }));
  }
  if (config.kubernetesEvents) {
    const { startKubernetesEvents } = await import("../kubernetes/events.ts");
    if (stack.disposed) return;
    const environment = (name: string) => Deno.env.get(name);
    stack.use(startKubernetesEvents({ feed, log, environment }));
  }
  feed.startIsOver();
  agent.libc.compileFrequent();
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
    const reason = messageOf(error);
    log.warn("guest-fsfreeze-freeze will not work without a state directory", { reason });
  }
}
