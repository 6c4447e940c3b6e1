import type { ListenAddress } from "./listen_address.ts";

/** Everything that can be configured, validated. Durations are in milliseconds. */
export interface Config {
  readonly method: "virtio-serial" | "isa-serial" | "unix-listen" | "vsock-listen" | "pty";
  /** Undefined: found by the port's name, or the method's default. */
  readonly path: string | undefined;
  readonly portName: string;
  readonly logfile: string | undefined;
  readonly pidfile: string | undefined;
  readonly fsfreezeHook: string | undefined;
  /** Patterns of mount points; empty: all but the volumes of pods. */
  readonly fsfreezeInclude: readonly string[];
  readonly fsfreezeExclude: readonly string[];
  /** 0: never thaw by itself. */
  readonly fsfreezeTimeoutMs: number;
  readonly fsfreezeAllowEmpty: boolean;
  readonly statedir: string;
  readonly verbose: boolean;
  readonly daemonize: boolean;
  /** Undefined: the default policy counts. */
  readonly blockRpcs: readonly string[] | undefined;
  /** Undefined: nothing is blocked for not being listed. */
  readonly allowRpcs: readonly string[] | undefined;
  readonly pathProcfs: string;
  readonly pathSysfs: string;
  readonly pathDevfs: string;
  readonly pathRootfs: string;
  /** Empty: all that are not excluded. */
  readonly interfacesInclude: readonly string[];
  readonly interfacesExclude: readonly string[];
  readonly talosconfig: string | undefined;
  readonly talosContext: string | undefined;
  /** Empty: those of the talosconfig. */
  readonly talosEndpoints: readonly string[];
  /** 0: force at once; undefined: never force. */
  readonly drainTimeoutMs: number | undefined;
  readonly rebootMode: "powercycle" | "default" | "force";
  /** Where HTTP is served; undefined: nowhere. */
  readonly listenAddress: ListenAddress | undefined;
  readonly logFormat: "json" | "text";
  /** `verbose` means `debug`. */
  readonly logLevel: "error" | "warn" | "info" | "debug";
  readonly kubernetesEvents: boolean;
}
