import { messageOf } from "../fault.ts";
import { formatListenAddress, type ListenAddress } from "../config/listen_address.ts";
import type { ProcessStatistics } from "../linux/process_statistics.ts";
import type { ActivityFeed } from "../activity/activity.ts";
import { HttpServer } from "./server.ts";
import type { Log } from "../log/log.ts";
import { Metrics } from "../metrics/metrics.ts";
import { pages } from "./pages.ts";
import { Readiness, type ReadinessOptions } from "./readiness.ts";

/** What HTTP serves and where. */
export interface TelemetryOptions {
  readonly address: ListenAddress;
  readonly feed: ActivityFeed;
  readonly log: Log;
  /** The agent's version, and one line that has it. */
  readonly version: string;
  readonly versionLine: string;
  readonly processStatistics: () => ProcessStatistics;
  /** Whether a guard watches now. */
  readonly guardWatches: () => boolean;
  /** How many log lines were lost since the start. */
  readonly logLinesLost: () => number;
  /** Whether the loop that serves the hypervisor has come to an end. */
  readonly portLoopEnded: () => boolean;
  /** See `ReadinessOptions`. */
  readonly counting: ReadinessOptions["counting"];
  /** See `ReadinessOptions`. */
  readonly checkCredentials: (() => Promise<string | undefined>) | undefined;
}

/**
 * Serves metrics and health over HTTP until it is disposed of, which waits for no client. An address
 * that cannot be listened on is logged, and nothing is served then: the hypervisor matters more.
 */
export function startTelemetry(options: TelemetryOptions): Disposable {
  const { address, feed, log, version, versionLine, portLoopEnded } = options;
  const metrics = new Metrics({
    version,
    deno: Deno.version.deno,
    processStatistics: options.processStatistics,
    guardWatches: options.guardWatches,
    logLinesLost: options.logLinesLost,
  });
  const readiness = new Readiness(options);
  const handler = pages({ metrics, readiness, portLoopEnded, version: versionLine });
  let server: HttpServer;
  try {
    server = new HttpServer(address, handler, log);
  } catch (error) {
    log.error("cannot serve metrics and health; set --listen-address to a free address, or none", {
      address: formatListenAddress(address),
      error: messageOf(error),
    });
    return { [Symbol.dispose]() {} };
  }
  const listeners = [feed.subscribe(metrics.take), feed.subscribe(readiness.take)];
  log.info("serving metrics and health", { address: formatListenAddress(server.address) });
  return {
    [Symbol.dispose]() {
      server[Symbol.dispose]();
      for (const listener of listeners) listener[Symbol.dispose]();
    },
  };
}
