import { runSuites, type ScheduledSuite, Turns } from "./suite_schedule.ts";

/** A group of tests that is run, or skipped, as a whole. */
interface Suite extends ScheduledSuite {
  readonly uses?: readonly Shared[];
  /** Whether `--quick` runs it. */
  readonly quick: boolean;
  /** What scripts/bootstrap must set up. */
  readonly parts: readonly string[];
  /** Programs that must be there, and how to get them; bootstrap does not fetch them. */
  readonly programs?: readonly { readonly name: string; readonly remedy: string }[];
  /** Whether continuous integration passes without it: its program cannot be had there, or it takes too long. */
  readonly optional?: boolean;
  /** Why it is run only when it is named. */
  readonly onRequest?: string;
  /** The command line; `{junit}` stands for the file that the test runner reports to. */
  readonly command: readonly string[];
  /** What of the output of a success is worth reading; all that it matches is printed. */
  readonly report?: RegExp;
}

/**
 * What two suites at once would disturb each other by: a virtual machine, which needs a processor for itself;
 * podman's storage and the images in dist/; the loop devices, of which the agents tell; and the fixed sockets
 * of Talos' apid.
 */
type Shared = "virtual machine" | "images" | "loop devices" | "apid";

interface Outcome {
  readonly suite: string;
  readonly passed: number;
  readonly failed: number;
  /** Why the suite was skipped; undefined when it ran. */
  readonly skipped: string | undefined;
  /** As the suite says. */
  readonly optional: boolean;
  readonly seconds: number;
}

/** The suite `types` checks the types, all at once. */
const TEST = ["test", "--quiet", "--no-check", "-A", "--junit-path={junit}"];
/** A quiet test would keep its table to itself. */
const LOUD_TEST = TEST.filter((word) => word !== "--quiet");
/** They run against Talos' own apid, one after the other. */
const REALAPID = ["agent/talos/realapid_test.ts", "agent/check/realapid_test.ts"];
const REALAPID_PROGRAM = {
  name: "realapid",
  remedy: "build Talos' apid with a recording machine service and set REALAPID to it",
};
const TALOSCTL_PROGRAM = {
  name: "talosctl",
  remedy: "a release of Talos, 1.13 or newer, has it; put it on PATH, or set TALOSCTL to it",
};
const TALOS_PARTS = ["vm", "talos", "control-plane", "helm", "node", "compile", "image"];
/** Where a test of Talos is, by what its file is called. */
const talosTest = (name: string) => `tests/talos/${name}_test.ts`;
/** The table of what was measured. */
const TALOS_FIGURES = /^on Talos[^]*?(?=^-)/gm;
/** The main path on another version of Talos, which Go builds. */
const otherTalos = (which: "older" | "newer"): Suite => ({
  name: `${which} talos`,
  quick: false,
  uses: ["virtual machine"],
  parts: [...TALOS_PARTS, `${which}-talos`],
  optional: true,
  onRequest: "it takes six minutes, and before them Go builds that Talos, once: " +
    `scripts/test compile '${which} talos'`,
  command: ["env", `TALOS=${which}`, "deno", ...LOUD_TEST, talosTest("talos")],
  report: TALOS_FIGURES,
});
const DEVICE_PLUGIN_PROGRAM = {
  name: "generic-device-plugin",
  remedy:
    "go install github.com/squat/generic-device-plugin@latest, or set GENERIC_DEVICE_PLUGIN " +
    "to what a clone of it builds with CGO_ENABLED=0",
};
/** What tests the harness and needs nothing but Deno. */
const HARNESS = [
  "tests/suite_schedule_test.ts",
  "tests/harness/exact_json_test.ts",
  "tests/harness/unix_stream_test.ts",
];
/** Of the clients, what needs a package of its own. */
const PYTHON_CLIENT = "tests/clients/qemu_qmp_test.ts";
const GO_CLIENT = "tests/clients/go_proxmox_test.ts";
/** Makes the executable that others run, which all of them wait for. */
const COMPILE = "compile";
/** Its unit tests take as long as all others. */
const TALOS = "agent/talos";

/**
 * They start in this order, each as soon as it may: first what a commit needs, then what others wait for, then
 * what takes long, so that the short ones fill the gaps. The longest, on Talos, comes when next to nothing is left
 * that could run beside it: a machine with two processors needs both.
 */
const LIST: readonly Suite[] = [
  {
    name: "unit",
    quick: true,
    parts: ["newest"],
    command: ["deno", ...TEST, `--ignore=${[...REALAPID, TALOS].join(",")}`, "agent"],
  },
  {
    name: "unit talos",
    quick: true,
    parts: ["newest"],
    command: ["deno", ...TEST, `--ignore=${REALAPID.join(",")}`, TALOS],
  },
  { name: "format", quick: true, parts: [], command: ["deno", "fmt", "--check"] },
  { name: "lint", quick: true, parts: [], command: ["deno", "lint"] },
  {
    name: "types",
    quick: true,
    parts: [],
    command: ["deno", "check", "agent", "tests", "bench", "scripts"],
  },
  {
    name: "architecture",
    quick: true,
    parts: [],
    command: ["deno", ...TEST, "tests/architecture"],
  },
  {
    name: "generated",
    quick: true,
    parts: ["protoc"],
    command: ["scripts/generate", "--check"],
  },
  { name: "harness", quick: true, parts: [], command: ["deno", ...TEST, ...HARNESS] },
  { name: "docs", quick: true, parts: [], command: ["deno", ...TEST, "tests/docs"] },
  {
    name: "markdown",
    quick: true,
    parts: [],
    command: ["deno", ...TEST, "tests/files/markdown_test.ts"],
  },
  {
    name: COMPILE,
    quick: false,
    parts: ["compile", "compile-arm64"],
    command: ["scripts/compile", "amd64", "arm64"],
  },
  {
    name: "vm",
    quick: false,
    uses: ["virtual machine"],
    parts: ["vm", "qemu-ga", "compile", "newest"],
    command: ["deno", ...TEST, "tests/vm", "tests/harness/qemu"],
  },
  {
    name: "vm of arm64",
    quick: false,
    uses: ["virtual machine"],
    parts: ["vm", "arm64", "vm-arm64", "compile-arm64"],
    command: ["deno", ...TEST, "tests/vm_arm64"],
  },
  {
    name: "node",
    quick: false,
    uses: ["virtual machine", "images"],
    parts: ["vm", "control-plane", "helm", "node", "image", "compile"],
    programs: [REALAPID_PROGRAM],
    command: ["deno", ...LOUD_TEST, "tests/node/install_test.ts"],
    report: /^on the node[^]*?(?=^-)/gm,
  },
  {
    name: "node without privileged",
    quick: false,
    uses: ["virtual machine", "images"],
    parts: ["vm", "control-plane", "helm", "node", "image", "compile"],
    programs: [REALAPID_PROGRAM, DEVICE_PLUGIN_PROGRAM],
    optional: true,
    command: ["deno", ...LOUD_TEST, "tests/node/unprivileged_test.ts"],
    report: /^on the node[^]*?(?=^-)/gm,
  },
  {
    name: "libvirt",
    quick: false,
    uses: ["virtual machine"],
    parts: ["namespaces", "vm", "libvirt", "compile", "newest"],
    command: ["deno", ...TEST, "tests/libvirt"],
  },
  {
    name: "kubernetes",
    quick: false,
    parts: ["control-plane", "crds", "helm", "compile"],
    command: ["deno", ...TEST, "tests/kubernetes", "tests/harness/kubernetes"],
  },
  {
    name: "memory",
    quick: false,
    uses: ["loop devices"],
    parts: ["compile", "newest", "memory-cgroup"],
    command: ["deno", ...LOUD_TEST, "tests/memory/memory_test.ts"],
    report: /^(?:idle|frozen|after everything) .*$/gm,
  },
  {
    name: "chart",
    quick: false,
    parts: ["helm"],
    command: ["deno", ...TEST, "tests/chart"],
  },
  {
    name: "image",
    quick: false,
    uses: ["images"],
    parts: ["compile", "compile-arm64", "arm64", "image", "image-arm64"],
    command: ["deno", ...TEST, "tests/image"],
  },
  {
    name: "release",
    quick: false,
    uses: ["images"],
    parts: [
      ...["compile", "compile-arm64", "image", "image-arm64", "helm", "control-plane"],
      ...["skopeo", "cosign", "registry"],
    ],
    command: ["deno", ...LOUD_TEST, "tests/release"],
    report: /^release: .*$/gm,
  },
  {
    name: "shell",
    quick: false,
    parts: ["linters"],
    command: ["deno", ...TEST, "tests/files/shell_test.ts"],
  },
  {
    name: "yaml",
    quick: false,
    parts: ["linters"],
    command: ["deno", ...TEST, "tests/files/yaml_test.ts"],
  },
  {
    name: "workflows",
    quick: false,
    parts: ["linters", "actionlint", "zizmor"],
    command: ["deno", ...TEST, "tests/files/workflows_test.ts"],
  },
  {
    name: "unit on the newest Deno",
    quick: false,
    parts: ["newest"],
    // With its own check of the types.
    command: [
      ...["deno-newest", ...TEST.filter((word) => word !== "--no-check")],
      ...[`--ignore=${REALAPID.join(",")}`, "agent"],
    ],
  },
  {
    name: "realapid",
    quick: false,
    uses: ["apid"],
    parts: [],
    programs: [REALAPID_PROGRAM],
    command: ["deno", ...TEST, ...REALAPID],
  },
  {
    name: "talosctl",
    quick: false,
    parts: [],
    programs: [TALOSCTL_PROGRAM],
    command: ["deno", ...TEST, "tests/talosctl"],
  },
  {
    name: "executable",
    quick: false,
    parts: ["compile", "newest", "vm"],
    command: [
      "deno",
      ...TEST,
      "tests/executable/run_test.ts",
      "tests/executable/guard_test.ts",
      "tests/executable/log_output_test.ts",
    ],
  },
  {
    name: "check",
    quick: false,
    parts: ["compile", "newest", "namespaces"],
    command: ["deno", ...TEST, "tests/executable/check_test.ts"],
  },
  {
    name: "executable for arm64",
    quick: false,
    parts: ["compile-arm64", "arm64", "vm"],
    command: ["deno", ...TEST, "tests/executable/arm64_test.ts"],
  },
  {
    name: "conformance",
    quick: false,
    uses: ["loop devices"],
    parts: ["compile", "qemu-ga", "newest", "namespaces"],
    command: ["deno", ...LOUD_TEST, "tests/conformance"],
    report: /^suite +requests[^]*?(?=^-)/gm,
  },
  {
    name: "clients",
    quick: false,
    parts: ["compile", "newest"],
    command: ["deno", ...TEST, `--ignore=${PYTHON_CLIENT},${GO_CLIENT}`, "tests/clients"],
  },
  {
    name: "python client",
    quick: false,
    parts: ["compile", "newest", "qemu-qmp"],
    command: ["deno", ...TEST, PYTHON_CLIENT],
  },
  {
    name: "go client",
    quick: false,
    parts: ["compile", "newest", "go-proxmox"],
    command: ["deno", ...TEST, GO_CLIENT],
  },
  {
    name: "rust client",
    quick: false,
    uses: ["virtual machine"],
    parts: ["compile", "newest", "vm", "rust"],
    command: ["deno", ...LOUD_TEST, "tests/rust_client"],
    report: /^qapi on .*$/gm,
  },
  {
    name: "network",
    quick: false,
    parts: ["compile", "newest", "namespaces"],
    command: ["deno", ...LOUD_TEST, "tests/network"],
    report: /^.* first, second, by MAC, .*$/gm,
  },
  {
    name: "hostile",
    quick: false,
    uses: ["virtual machine"],
    parts: ["vm", "compile", "newest"],
    command: ["deno", ...LOUD_TEST, "tests/hostile/hostile_test.ts"],
    report: /^(?:HOSTILE_SEED|on a ).*$/gm,
  },
  {
    name: "talos",
    quick: false,
    uses: ["virtual machine"],
    parts: TALOS_PARTS,
    command: [
      ...["deno", ...LOUD_TEST],
      // The main path first, which says most.
      ...["phases", "talos", "endings", "sequences", "credentials"].map(talosTest),
      ...["user_volumes", "firewall", "refusals", "extension"].map(talosTest),
    ],
    report: TALOS_FIGURES,
  },
  otherTalos("older"),
  otherTalos("newer"),
  {
    name: "soak",
    quick: false,
    uses: ["loop devices"],
    parts: ["compile", "newest", "memory-cgroup"],
    command: ["deno", ...LOUD_TEST, "tests/hostile/soak_test.ts"],
    report: /^\d+ days: .*$/gm,
  },
  {
    name: "monitoring",
    quick: false,
    parts: ["compile", "newest", "helm", "prometheus", "grafana-schema"],
    command: ["deno", ...TEST, "tests/monitoring"],
  },
  {
    name: "telemetry",
    quick: false,
    parts: ["compile", "newest", "prometheus"],
    command: ["deno", ...TEST, "tests/telemetry"],
  },
];

/** A suite that needs the base of the executable runs the executable. */
const SUITES: readonly Suite[] = LIST.map((suite) =>
  suite.name !== COMPILE && suite.parts.some((part) => part.startsWith("compile"))
    ? { ...suite, after: [COMPILE] }
    : suite
);

async function capture(
  [program = "", ...args]: readonly string[],
): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function isOnPath(program: string): Promise<boolean> {
  const variable = Deno.env.get(program.toUpperCase().replaceAll("-", "_"));
  const { success } = await capture(["sh", "-c", `command -v "${variable ?? program}"`]);
  return success;
}

/** Two at once would install packages and build side by side. */
const bootstrapTurns = new Turns();

/** Why a suite cannot run, or undefined when all it needs is there. */
async function obstacle(suite: Suite): Promise<string | undefined> {
  if (suite.onRequest !== undefined && !words.includes(suite.name)) return suite.onRequest;
  if (suite.parts.length > 0) {
    const { success, output } = await bootstrapTurns.take(() =>
      capture(["scripts/bootstrap", ...suite.parts])
    );
    if (!success) return output.trim().split("\n").join("; ");
  }
  for (const { name, remedy } of suite.programs ?? []) {
    if (!await isOnPath(name)) return `${name} is not there: ${remedy}`;
  }
  return undefined;
}

/** Adds up what a test runner reported; a command without a report counts as one test. */
function count(report: string | undefined, success: boolean): { passed: number; failed: number } {
  const head = /<testsuites[^>]*>/.exec(report ?? "")?.[0] ?? "";
  const attribute = (name: string) => Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = attribute("failures") + attribute("errors");
  const passed = attribute("tests") - failed;
  if (success) return { passed: Math.max(passed, 1), failed: 0 };
  return { passed: Math.max(passed, 0), failed: Math.max(failed, 1) };
}

/** The suite that the last line printed is of. */
let lastPrinted = "";

/** Prints what a suite has to say, under its name where another suite has said something since. */
function print(suite: Suite, text: string): void {
  if (lastPrinted !== suite.name) console.log(`${suite.name}:`);
  lastPrinted = suite.name;
  console.log(text);
}

async function runSuite(suite: Suite): Promise<Outcome> {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  console.log(`${suite.name} ...`);
  lastPrinted = suite.name;
  const skipped = await obstacle(suite);
  if (skipped !== undefined) {
    const optional = suite.optional === true;
    return { suite: suite.name, passed: 0, failed: 0, skipped, optional, seconds: seconds() };
  }
  const junit = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const command = suite.command.map((word) => word.replace("{junit}", junit));
    const { success, output } = await capture(command);
    if (!success) print(suite, output);
    else if (suite.report !== undefined) {
      for (const part of output.match(suite.report) ?? []) print(suite, part.trimEnd());
    }
    const counts = count(await Deno.readTextFile(junit), success);
    return {
      suite: suite.name,
      ...counts,
      skipped: undefined,
      optional: false,
      seconds: seconds(),
    };
  } finally {
    await Deno.remove(junit);
  }
}

function describe(outcome: Outcome): string {
  const { suite, passed, failed, skipped, seconds } = outcome;
  const result = skipped === undefined
    ? `ran: ${passed} passed, ${failed} failed`
    : `skipped: ${skipped}`;
  return `${suite.padEnd(24)} ${result} (${seconds.toFixed(1)} s)`;
}

/** Two where there are the processors and the memory for two. */
function defaultJobs(): number {
  return navigator.hardwareConcurrency >= 2 && Deno.systemMemoryInfo().total >= 8e9 ? 2 : 1;
}

function usageError(complaint: string): never {
  console.error(complaint);
  Deno.exit(2);
}

const words = [...Deno.args];
const takeFlag = (flag: string) => {
  const index = words.indexOf(flag);
  if (index >= 0) words.splice(index, 1);
  return index >= 0;
};
const quick = takeFlag("--quick");
if (takeFlag("--all")) Deno.env.set("BUILD_ALL", "true");
const jobsIndex = words.indexOf("--jobs");
const jobs = jobsIndex < 0 ? defaultJobs() : Number(words.splice(jobsIndex, 2)[1]);
if (!Number.isInteger(jobs) || jobs < 1) usageError("--jobs needs a number, 1 or more");
const unknown = words.find((name) => !SUITES.some((suite) => suite.name === name));
if (unknown !== undefined) {
  usageError(`unknown suite ${unknown}; there are ${SUITES.map(({ name }) => name).join(", ")}`);
}
const chosen = SUITES.filter((suite) =>
  (!quick || suite.quick) && (words.length === 0 || words.includes(suite.name))
);
const outcomes = await runSuites(chosen, jobs, runSuite);

console.log();
for (const outcome of outcomes) console.log(describe(outcome));
const total = (key: "passed" | "failed") =>
  outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
const skippedInCi = Deno.env.get("CI") === "true"
  ? outcomes.filter(({ skipped, optional }) => skipped !== undefined && !optional).length
  : 0;
const failed = total("failed") + skippedInCi;
console.log(`${total("passed")} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
