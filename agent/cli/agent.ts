import { COMMANDS } from "../commands/all.ts";
import type { CommandContext } from "../commands/context.ts";
import type { Config } from "../config/config.ts";
import { FileSystemThread } from "../host/file_system_thread.ts";
import { FreezeMarker } from "../host/freeze_marker.ts";
import { Freezer, type HeldBack } from "../host/freezer.ts";
import { fsfreezeHook } from "../host/fsfreeze_hook.ts";
import { Host } from "../host/host.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import { trimFileSystems } from "../host/trim.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { Policy } from "../protocol/policy.ts";
import { TalosPower } from "../talos/power.ts";
import type { Log } from "../telemetry/log.ts";
import { VERSION } from "./version.ts";

/** The Talos API of the own node is never behind a proxy, and `fetch` cannot be told so otherwise. */
const PROXY_VARIABLES = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/** The agent without its channel: what answers requests. */
export class Agent implements Disposable {
  readonly libc: Libc;
  readonly files: KernelFiles;
  readonly dispatcher: Dispatcher<CommandContext>;
  readonly power: TalosPower;
  readonly freezer: Freezer;
  readonly #stopping = new AbortController();

  /** `heldBack` is what holds the lines of `log` back. */
  constructor(config: Config, log: Log, heldBack: HeldBack) {
    for (const variable of PROXY_VARIABLES) Deno.env.delete(variable);
    this.libc = new Libc();
    this.files = new KernelFiles(this.libc);
    const host = new Host(this.libc, this.files, {
      procfs: config.pathProcfs,
      sysfs: config.pathSysfs,
      rootfs: config.pathRootfs,
    });
    this.power = new TalosPower({
      talosconfig: config.talosconfig,
      context: config.talosContext,
      endpoints: config.talosEndpoints,
      drainTimeoutMs: config.drainTimeoutMs,
      rebootMode: config.rebootMode,
      hostName: () => host.hostName(),
      ownAddresses: () => host.ownAddresses(),
      log,
    });
    const selection = { include: config.fsfreezeInclude, exclude: config.fsfreezeExclude };
    const mounts = () => host.blockDeviceMounts(selection);
    const startThread = () => FileSystemThread.start();
    this.freezer = new Freezer({
      mounts,
      allMounts: () => host.blockDeviceMounts({ include: ["*"], exclude: [] }),
      marker: new FreezeMarker(config.statedir),
      startThread,
      hook: config.fsfreezeHook === undefined ? undefined : fsfreezeHook(config.fsfreezeHook),
      timeoutMs: config.fsfreezeTimeoutMs,
      allowEmpty: config.fsfreezeAllowEmpty,
      log,
      heldBack,
    });
    const { signal } = this.#stopping;
    const lists = { allow: config.allowRpcs, block: config.blockRpcs };
    const policy = new Policy(lists, () => this.freezer.state !== "thawed");
    this.dispatcher = new Dispatcher<CommandContext>(COMMANDS, policy, {
      version: VERSION,
      commandStates: () => this.dispatcher.commandStates(),
      host,
      power: this.power,
      freezer: this.freezer,
      trim: (minimum) => trimFileSystems({ mounts, startThread, signal, log }, minimum),
      interfaces: { include: config.interfacesInclude, exclude: config.interfacesExclude },
    }, log);
  }

  /** Ends what would keep the agent from stopping: a freeze, by thawing, and a trim. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the agent is stopping"));
    await this.freezer[Symbol.asyncDispose]();
  }

  /** Drops a shutdown's pending escalation and closes the C library. */
  [Symbol.dispose](): void {
    this.power[Symbol.dispose]();
    this.libc[Symbol.dispose]();
  }
}
