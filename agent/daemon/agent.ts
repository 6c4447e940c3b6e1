import { readBlockDeviceMounts, readWritableMounts } from "../host/mounts/block_device_mounts.ts";
import { readHostName } from "../host/host_name.ts";
import { readOwnAddresses } from "../host/network/interfaces.ts";
import { COMMANDS } from "../commands/all.ts";
import type { CommandContext } from "../commands/context.ts";
import { type Config, reachesTalos } from "../config/config.ts";
import { KernelFileSystemCalls } from "../freeze/file_system_calls.ts";
import { FreezeMarker } from "../freeze/freeze_marker.ts";
import { Freezer, type Pausable } from "../freeze/freezer.ts";
import { fsfreezeHook } from "../freeze/fsfreeze_hook.ts";
import { GuardLock } from "../freeze/guard_lock.ts";
import { LastFreezeFile } from "../freeze/last_freeze.ts";
import { trimFileSystems } from "../freeze/trim.ts";
import { GuestFiles } from "../guest/files.ts";
import { GuestProcesses } from "../guest/processes.ts";
import { HandleNumbers } from "../guest/handle_numbers.ts";
import { asOnHost, Host, type HostRoots } from "../host/host.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import type { Libc } from "../linux/libc.ts";
import { readMonotonicClock } from "../linux/monotonic_clock.ts";
import { othersTurn } from "../linux/others_turn.ts";
import { setTcpNoDelay } from "../linux/tcp_no_delay.ts";
import { type MemoryLimits, QEMU_LIMITS } from "../memory/memory_limits.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { Policy, policyLists } from "../protocol/policy.ts";
import { endpointHosts } from "../talos/endpoint.ts";
import { TalosPower } from "../talos/power.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import { atOnce } from "../steps.ts";
import { ignoreProxies } from "./proxy.ts";
import { VERSION } from "../version.ts";

/** The agent without its channel: what answers requests. */
export class Agent implements AsyncDisposable {
  readonly libc: Libc;
  readonly files: KernelFiles;
  readonly host: Host;
  readonly dispatcher: Dispatcher<CommandContext>;
  /** Names of the commands that the configuration opens, and that are closed by default. */
  readonly openedCommands: readonly string[];
  readonly power: TalosPower;
  readonly freezer: Freezer;
  readonly guardLock: GuardLock;
  readonly marker: FreezeMarker;
  readonly #guestFiles: GuestFiles;
  readonly #guestProcesses: GuestProcesses;
  readonly #stopping = new AbortController();

  /** `pausable` is what holds the lines of `log` back; `limits` bound what clients' data may take. */
  constructor(
    config: Config,
    log: Log,
    pausable: Pausable,
    libc: Libc,
    publish: Publish,
    limits: MemoryLimits = QEMU_LIMITS,
  ) {
    ignoreProxies();
    this.libc = libc;
    const roots: HostRoots = {
      procfs: config.pathProcfs,
      sysfs: config.pathSysfs,
      devfs: config.pathDevfs,
      rootfs: config.pathRootfs,
      osRelease: config.osRelease,
    };
    this.files = new KernelFiles(this.libc, (path) => asOnHost(roots, path));
    const host = new Host(this.libc, this.files, roots);
    this.host = host;
    this.power = new TalosPower({
      socket: config.talosSocket,
      talosconfig: config.talosconfig,
      context: config.talosContext,
      endpoints: config.talosEndpoints,
      drainTimeoutMs: config.drainTimeoutMs,
      rebootMode: config.rebootMode,
      hostName: () => readHostName(host),
      ownAddresses: () => readOwnAddresses(host),
      setTcpNoDelay: () => {
        try {
          setTcpNoDelay(this.libc, this.files);
        } catch (error) {
          // A call to Talos is 40 ms slower without it, and no worse.
          log.debug("TCP_NODELAY is not set", { error: String(error) });
        }
      },
      log,
      publish,
    });
    this.#guestFiles = new GuestFiles({
      libc: this.libc,
      root: config.pathRootfs,
      numbers: new HandleNumbers(config.statedir),
      log,
      readBytes: limits.readBytes,
    });
    this.#guestProcesses = new GuestProcesses(this.libc, log, limits);
    const selection = { include: config.fsfreezeInclude, exclude: config.fsfreezeExclude };
    const mounts = () => atOnce(readWritableMounts(host, selection));
    const calls = new KernelFileSystemCalls(this.libc);
    const exists = (path: string) => this.files.exists(path);
    this.guardLock = new GuardLock(this.libc, config.statedir);
    this.marker = new FreezeMarker(config.statedir, exists);
    this.freezer = new Freezer({
      mounts,
      allMounts: () => atOnce(readBlockDeviceMounts(host, { include: ["*"], exclude: [] })),
      calls,
      marker: this.marker,
      lastFreeze: new LastFreezeFile(config.statedir, exists),
      guard: this.guardLock,
      hook: config.fsfreezeHook === undefined ? undefined : fsfreezeHook(config.fsfreezeHook),
      timeoutMs: config.fsfreezeTimeoutMs,
      allowEmpty: config.fsfreezeAllowEmpty,
      log,
      publish,
      pausable,
      monotonicClock: () => readMonotonicClock(this.libc),
    });
    const { signal } = this.#stopping;
    const policy = new Policy(policyLists(config), {
      isFrozen: () => this.freezer.state !== "thawed",
      hasCredentials: reachesTalos(config),
    });
    this.openedCommands = COMMANDS
      .filter(({ byDefault }) => byDefault?.access === "blocked")
      .filter((command) => policy.whyDisabled(command) === undefined)
      .map(({ name }) => name);
    this.dispatcher = new Dispatcher<CommandContext>(
      COMMANDS,
      policy,
      {
        version: VERSION,
        commandStates: () => this.dispatcher.commandStates(),
        host,
        power: this.power,
        guestFiles: this.#guestFiles,
        guestProcesses: this.#guestProcesses,
        freezer: this.freezer,
        trim: (minimum) => trimFileSystems({ mounts, calls, signal, log, publish }, minimum),
        interfaces: {
          include: config.interfacesInclude,
          exclude: config.interfacesExclude,
          order: config.interfacesOrder,
          nodeAddresses: endpointHosts(config.talosEndpoints),
        },
      },
      log,
      publish,
      () => othersTurn(libc),
    );
  }

  /** Ends what would keep the agent from stopping: a freeze, by thawing, and a trim. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the agent is stopping"));
    await this.freezer[Symbol.asyncDispose]();
  }

  /** Drops a shutdown's pending escalation, and lets go of clients' files and programs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.power[Symbol.dispose]();
    this.#guestFiles[Symbol.dispose]();
    await this.#guestProcesses[Symbol.asyncDispose]();
    this.host[Symbol.dispose]();
  }
}
