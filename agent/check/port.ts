import { openDevice } from "../channel/device_file.ts";
import { callOverSocket } from "../channel/unix_client.ts";
import {
  describeVirtioPorts,
  HOW_TO_FREE_PORT,
  HOW_TO_GET_PORT,
  locateVirtioPort,
  noPortToWaitFor,
} from "../channel/virtio_serial.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { readOtherMachine } from "../host/other_machine.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import { findOpener } from "../linux/open_files.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";
import { messageOf } from "../fault.ts";

/** `/proc/PID/comm` of the agent. */
const AGENT_COMMAND = "qemu-ga-talos";
const PING_MS = 3000;
const NO_AGENT = "start the agent: without it the hypervisor gets no answer";

/** What of the configuration says where the port is, and whether the agent needs it. */
export type PortConfig = Pick<
  Config,
  "method" | "path" | "portName" | "pathProcfs" | "pathSysfs" | "pathDevfs" | "readiness"
>;

/**
 * The channel to the hypervisor: whether it is there, can be used, and who has it. A device that
 * somebody has open is not touched.
 */
export async function checkPort(host: Host, config: PortConfig): Promise<CheckLine[]> {
  switch (config.method) {
    case "virtio-serial":
      return checkVirtioPort(host, config);
    case "isa-serial": {
      const path = config.path ?? `${config.pathDevfs}/ttyS0`;
      return checkDevice(host, config.pathProcfs, path, path);
    }
    case "unix-listen":
      return [await checkSocket(config.path)];
    case "vsock-listen":
      return config.path === undefined
        ? [failed("port", "vsock-listen has no path", "set --path to CID:PORT")]
        : [ok("port", `vsock ${config.path}, which only the hypervisor can look at`)];
    case "pty":
      return [ok("port", "a pseudo-terminal, which the agent makes at its start")];
  }
}

function checkVirtioPort(host: Host, config: PortConfig): CheckLine[] {
  const { files } = host;
  const roots = { procfs: config.pathProcfs, sysfs: config.pathSysfs, devfs: config.pathDevfs };
  const options = { ...roots, path: config.path, portName: config.portName };
  let path: string | undefined;
  try {
    path = locateVirtioPort(files, options);
    const isThere = path !== undefined && files.exists(path);
    const machine = isThere ? undefined : readOtherMachine(host);
    if (machine !== undefined) return [ok("port", noPortToWaitFor(machine), "not needed")];
    if (path === undefined) {
      const wanted = config.path ?? config.portName;
      const fact = `there is no virtio-serial port ${wanted}: ${
        describeVirtioPorts(files, options)
      }`;
      return config.readiness.includes("port")
        ? [failed("port", fact, HOW_TO_GET_PORT, "none")]
        : [warning(
          "port",
          `${fact}; the agent is ready without (--readiness)`,
          HOW_TO_GET_PORT,
          "none",
        )];
    }
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return [failed("port", error.message, "mount the host's /sys, and name it with --path-sysfs")];
  }
  return checkDevice(
    host,
    roots.procfs,
    path,
    `${path} (${config.path ?? config.portName})`,
  );
}

function checkDevice(host: Host, procfs: string, path: string, name: string): CheckLine[] {
  const { libc, files } = host;
  const device = path.replace(/^.*\//, "");
  const holder = findHolder(files, procfs, path);
  if (holder !== undefined) {
    const who = `process ${holder.pid} (${holder.command})`;
    return holder.command === AGENT_COMMAND
      ? [ok("port", `${name}, held by the agent, ${who}`, device)]
      : [failed("port", `${name} is held by another program, ${who}`, HOW_TO_FREE_PORT, "taken")];
  }
  try {
    libc.file.close(openDevice(libc, path));
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return [explainDevice(name, error)];
  }
  return [
    ok("port", `${name}, can be opened`, device),
    warning("agent", `nothing has ${path} open, so no agent serves it`, NO_AGENT, "not served"),
  ];
}

function findHolder(files: KernelFiles, procfs: string, path: string) {
  try {
    return findOpener(files, procfs, path);
  } catch (error) {
    // Without a procfs nobody is seen; `checkHostTrees` reports on it.
    if (error instanceof LibcError) return undefined;
    throw error;
  }
}

function explainDevice(name: string, error: LibcError): CheckLine {
  switch (error.errno) {
    case Errno.EBUSY:
      return warning(
        "port",
        `${name} is held by a process that cannot be seen from here`,
        "mount the host's /proc, and name it with --path-procfs, to see whether it is the agent",
      );
    case Errno.ENOENT:
    case Errno.ENXIO:
    case Errno.ENODEV:
      return failed(
        "port",
        `${name}: ${error.message}`,
        "mount the host's /dev, and name it with --path-devfs",
      );
    default:
      return failed(
        "port",
        `${name}: ${error.message}`,
        "run the agent as root in a privileged container, which may open the host's devices, or let " +
          "a device plugin hand it over",
      );
  }
}

async function checkSocket(path: string | undefined): Promise<CheckLine> {
  if (path === undefined) {
    return failed("port", "unix-listen has no path", "set --path to a socket");
  }
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new Error(`no answer in ${PING_MS} ms`)), PING_MS);
  try {
    await callOverSocket(path, { execute: "guest-ping" }, { signal: timeout.signal });
    return ok("port", `${path}, where the agent answers`);
  } catch (error) {
    if (timeout.signal.aborted) {
      return warning(
        "port",
        `${path}: something listens, but does not answer within ${PING_MS / 1000} s`,
        "let the client that is connected leave: the agent serves one after the other",
      );
    }
    return warning("port", messageOf(error), NO_AGENT);
  } finally {
    clearTimeout(timer);
  }
}
