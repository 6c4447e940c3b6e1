import type { Config } from "./config.ts";
import { formatKeyFile } from "./key_file.ts";
import { formatListenAddress } from "./listen_address.ts";

/** The configuration as qemu-ga's key file, which `--config` reads back to the same configuration. */
export function dumpConfig(config: Config): string {
  const entries: [string, string | boolean | readonly string[] | undefined][] = [
    ["daemon", config.daemonize],
    ["method", config.method],
    ["path", config.path],
    ["logfile", config.logfile],
    ["pidfile", config.pidfile],
    ["fsfreeze-hook", config.fsfreezeHook],
    ["statedir", config.statedir],
    ["verbose", config.verbose],
    ["block-rpcs", config.blockRpcs],
    ["allow-rpcs", config.allowRpcs],
    ["port-name", config.portName],
    ["path-procfs", config.pathProcfs],
    ["path-sysfs", config.pathSysfs],
    ["path-devfs", config.pathDevfs],
    ["path-rootfs", config.pathRootfs],
    ["fsfreeze-include", config.fsfreezeInclude],
    ["fsfreeze-exclude", config.fsfreezeExclude],
    ["fsfreeze-timeout", `${config.fsfreezeTimeoutMs}ms`],
    ["fsfreeze-allow-empty", config.fsfreezeAllowEmpty],
    ["interfaces-include", config.interfacesInclude],
    ["interfaces-exclude", config.interfacesExclude],
    ["talosconfig", config.talosconfig],
    ["talos-context", config.talosContext],
    ["talos-endpoint", config.talosEndpoints],
    ["drain-timeout", config.drainTimeoutMs === undefined ? "none" : `${config.drainTimeoutMs}ms`],
    ["reboot-mode", config.rebootMode],
    [
      "listen-address",
      config.listenAddress === undefined ? "none" : formatListenAddress(config.listenAddress),
    ],
    ["log-format", config.logFormat],
    ["log-level", config.logLevel],
    ["kubernetes-events", config.kubernetesEvents],
  ];
  return formatKeyFile(entries.flatMap(([key, value]): [string, string][] => {
    if (value === undefined) return [];
    return [[key, Array.isArray(value) ? value.join(",") : String(value)]];
  }));
}
