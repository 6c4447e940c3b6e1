import { readWritableMounts } from "../host/mounts/block_device_mounts.ts";
import { readHostName } from "../host/host_name.ts";
import { readOwnAddresses } from "../host/network/interfaces.ts";
import { checkCapabilities } from "../check/capabilities.ts";
import { type CheckLine, failed } from "../check/check_line.ts";
import { messageOf } from "../fault.ts";
import { checkClock } from "../check/clock.ts";
import { checkCredentials } from "../check/credentials.ts";
import { checkFileSystems, checkStateDirectory } from "../check/file_systems.ts";
import { checkHostTrees } from "../check/host_trees.ts";
import { checkHttpEndpoint } from "../check/http_endpoint.ts";
import { checkPort } from "../check/port.ts";
import { exitStatus, formatJson, formatText } from "../check/report.ts";
import { formatRow } from "../check/row.ts";
import { checkTalosApi } from "../check/talos_api.ts";
import { checkSocket, checkTalosAtSocket } from "../check/talos_socket.ts";
import { COMMANDS } from "../commands/all.ts";
import { type Config, reachesTalos } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import type { ParsedCommandLine } from "../config/getopt.ts";
import { optionsHelp } from "../config/help.ts";
import type { Option } from "../config/option.ts";
import { type OptionValue, readOptionValue } from "../config/option_values.ts";
import { takesDiscards } from "../host/disks/block_devices.ts";
import { readHardwareClock } from "../linux/hardware_clock.ts";
import { Host, type HostRoots } from "../host/host.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import { Policy, policyLists } from "../protocol/policy.ts";
import type { Credentials } from "../talos/credentials/credentials.ts";
import { atOnce } from "../steps.ts";
import { hasFlag, loadProcessConfig, parseWords } from "./command_line.ts";
import { requireKnownCommands } from "./command_names.ts";
import { ignoreProxies } from "../daemon/proxy.ts";

const OUTPUT: Option = {
  name: "output",
  kind: "choice",
  choices: ["text", "json", "row"],
  default: "text",
  help:
    "how to print what was found; row is for a table of many nodes: a line of cells between tabs " +
    "(port, freeze, credentials, Talos API, clock, all else), each a status and a few words, and " +
    "below it the lines that failed",
  commandLineOnly: true,
};
const STRICT: Option = {
  name: "strict",
  kind: "boolean",
  help: "end with status 1 when there are warnings",
  commandLineOnly: true,
};
const CALL_TIMEOUT_MS = 5000;

const HELP = `Usage: qemu-ga-talos check [--output text|json|row] [--strict] [OPTION]...

Looks for what keeps the agent from working: the port, the host's trees, what would be frozen, the
credentials or the socket and the Talos API, the HTTP endpoint, the clock. It changes nothing, asks Talos for
nothing but its version and host name, and leaves a port alone that somebody has open. Give it the
options of the agent; those in a file and in the environment are found as the agent finds them.

Exit status: 0; 1 for warnings with --strict; 2 for failures.
`;

/** The sub-command `check`: prints what is right and what is wrong. Gives the exit status. */
export async function check(words: readonly string[]): Promise<number> {
  const commandLine = parseWords(words, [OUTPUT, STRICT]);
  if (hasFlag(commandLine, "help")) {
    console.log(`${HELP}\n${optionsHelp()}`);
    return 0;
  }
  const [operand] = commandLine.operands;
  if (operand !== undefined) throw new ConfigError(`check takes no arguments, found ${operand}`);
  const output = chosenOutput(commandLine);
  const strict = hasFlag(commandLine, "strict");
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const config = await loadProcessConfig(commandLine, files);
  requireKnownCommands(config);
  Deno.permissions.revokeSync({ name: "run" });
  ignoreProxies();
  const lines = await checkAll(libc, files, config);
  console.log(format(lines, output, strict));
  return exitStatus(lines, strict);
}

function format(lines: readonly CheckLine[], output: OptionValue, strict: boolean): string {
  switch (output) {
    case "json":
      return formatJson(lines, strict);
    case "row":
      return formatRow(lines, strict);
    default:
      return formatText(lines, Deno.stdout.isTerminal() && !Deno.noColor);
  }
}

function chosenOutput({ options }: ParsedCommandLine): OptionValue {
  const text = options.findLast(([option]) => option.name === OUTPUT.name)?.[1] ?? "text";
  return readOptionValue(OUTPUT, text, "option --output");
}

async function checkAll(
  libc: Libc,
  files: KernelFiles,
  config: Config,
): Promise<CheckLine[]> {
  const roots: HostRoots = {
    procfs: config.pathProcfs,
    sysfs: config.pathSysfs,
    devfs: config.pathDevfs,
    rootfs: config.pathRootfs,
    osRelease: config.osRelease,
  };
  using host = new Host(libc, files, roots);
  const selection = { include: config.fsfreezeInclude, exclude: config.fsfreezeExclude };
  const now = new Date();
  let credentials: Credentials | undefined;
  return [
    ...await attempt("port", () => checkPort(host, config)),
    ...await attempt("host trees", () => checkHostTrees(host)),
    ...await attempt("freeze, trim", () => [
      checkFileSystems({
        mounts: () => atOnce(readWritableMounts(host, selection)),
        takesDiscards: (device) => takesDiscards(host, device),
        config,
      }),
      ...checkStateDirectory(libc, files, config),
    ]),
    ...await attempt("capabilities", () => {
      // Of this process, which the host's procfs may not know.
      return checkCapabilities(files.readText("/proc/self/status"), enabledCommands(config));
    }),
    ...await attempt("talosconfig", async () => {
      if (config.talosSocket !== undefined) return [await checkSocket(config.talosSocket)];
      const found = await checkCredentials(config.talosconfig, config.talosContext, now);
      credentials = found.credentials;
      return found.lines;
    }),
    ...await attempt("talos api", () => askTalos(credentials, host, config)),
    ...await attempt("http", async () => [await checkHttpEndpoint(config.listenAddress)]),
    ...await attempt("clock", () => [
      checkClock({
        now,
        readHardwareClock: () => readHardwareClock(libc, `${roots.devfs}/rtc0`),
        certificateNotBefore: credentials?.notBefore,
      }),
    ]),
  ];
}

/** A check that breaks down is a failure, and the others go on. */
async function attempt(
  name: string,
  look: () => readonly CheckLine[] | Promise<readonly CheckLine[]>,
): Promise<readonly CheckLine[]> {
  try {
    return await look();
  } catch (error) {
    const remedy = "this is a fault of the check: please report it";
    return [failed(name, `it could not be checked: ${messageOf(error)}`, remedy)];
  }
}

function enabledCommands(config: Config) {
  const policy = new Policy(policyLists(config), {
    hasCredentials: reachesTalos(config),
  });
  return COMMANDS.filter((command) => policy.whyDisabled(command) === undefined);
}

async function askTalos(
  credentials: Credentials | undefined,
  host: Host,
  config: Config,
): Promise<readonly CheckLine[]> {
  const { signal } = new AbortController();
  if (config.talosSocket !== undefined) {
    return [await checkTalosAtSocket(config.talosSocket, signal)];
  }
  if (credentials === undefined) return [];
  return await checkTalosApi(credentials, {
    endpoints: config.talosEndpoints,
    timeoutMs: CALL_TIMEOUT_MS,
    signal,
    hostName: () => readHostName(host),
    ownAddresses: () => readOwnAddresses(host),
  });
}
