import { deepEqual, ok } from "node:assert/strict";
import { parse } from "yaml";
import { parseWords } from "../../agent/cli/command_line.ts";
import { runHelp } from "../../agent/cli/run_help.ts";
import { COMMANDS } from "../../agent/commands/all.ts";
import { loadConfig } from "../../agent/config/load_config.ts";
import { environmentVariable } from "../../agent/config/option.ts";
import { OPTION_LIST } from "../../agent/config/options.ts";
import { METRICS } from "../../agent/metrics/metric_table.ts";
import { PROJECT } from "../harness/project.ts";
import { hasValue } from "./chart_values.ts";
import { readPages } from "./pages.ts";

const PAGES = await readPages();
const INLINE = PAGES.flatMap(({ inline }) => inline);

/** Options of other programs that sentences name by themselves. Behind a program's name they are that program's. */
const OTHER_OPTIONS = [
  // Helm
  ...["--set", "--set-file", "--set-json", "--values", "--version", "--wait", "--logs"],
  ...["--create-namespace", "--reset-then-reuse-values", "--reuse-values", "--reset-values"],
  ...["--force-conflicts", "--no-hooks"],
  // kubectl, talosctl
  ...["--from-file", "--roles", "--crt-ttl"],
  // virsh, virt-install
  ...["--mode", "--quiesce", "--channel"],
  // Deno, podman
  ...["--filter", "--build-arg"],
];
/** Programs of others, with which inline code may begin. */
const OTHER_PROGRAM =
  /^(?:deno|helm|kubectl|talosctl|virsh|qm|vzdump|skopeo|podman|docker|cosign) /;

/** All names that a pattern finds on all pages, and where; what does not exist of them. */
function unknown(
  pattern: RegExp,
  exists: (name: string) => boolean,
): { readonly found: number; readonly missing: readonly string[] } {
  const missing: string[] = [];
  let found = 0;
  for (const { path, text } of PAGES) {
    for (const [index, line] of text.split("\n").entries()) {
      for (const [name] of line.matchAll(pattern)) {
        found++;
        if (!exists(name)) missing.push(`${path}:${index + 1}: ${name}`);
      }
    }
  }
  return { found, missing };
}

Deno.test("each option in a sentence is one of the agent, of a script, or of a program named here", async () => {
  const known = new Set([
    ...runHelp().matchAll(/--[a-z][a-z-]*/g).map(([name]) => name),
    ...OTHER_OPTIONS,
  ]);
  for await (const { name, isFile } of Deno.readDir(`${PROJECT}/scripts`)) {
    if (!isFile || name.includes(".")) continue;
    const text = await Deno.readTextFile(`${PROJECT}/scripts/${name}`);
    for (const [option] of text.matchAll(/--[a-z][a-z-]*/g)) known.add(option);
  }
  const named = INLINE.filter(({ code }) => !OTHER_PROGRAM.test(code)).flatMap(({ code, place }) =>
    Array.from(code.matchAll(/(?<=^|[\s[])--[a-z][a-z-]*/g), ([option]) => ({ option, place }))
  );
  deepEqual(named.filter(({ option }) => !known.has(option)), []);
  ok(named.length > 50, `only ${named.length} options were found`);
});

Deno.test("each variable QGA_... is an option's", () => {
  const known = new Set(OPTION_LIST.map(environmentVariable));
  const { found, missing } = unknown(/\bQGA_[A-Z_]*[A-Z]\b/g, (name) => known.has(name));
  deepEqual(missing, []);
  ok(found > 30, `only ${found} variables were found`);
});

Deno.test("each metric qga_... is one of the agent's", () => {
  const series = Object.entries(METRICS).flatMap(([name, { type }]) =>
    type === "histogram"
      ? [name, ...["bucket", "sum", "count"].map((end) => `${name}_${end}`)]
      : [name]
  );
  const { found, missing } = unknown(
    /\bqga_[a-z_]*(?:\\?\*)?/g,
    (name) =>
      /\*$/.test(name)
        ? series.some((each) => each.startsWith(name.replace(/\\?\*$/, "")))
        : series.includes(name),
  );
  deepEqual(missing, []);
  ok(found > 30, `only ${found} metrics were found`);
});

Deno.test("each alert is one of the chart's", async () => {
  const rules = await Deno.readTextFile(`${PROJECT}/chart/files/rules.yaml`);
  const alerts = new Set(rules.match(/\bQemuGuestAgent\w+/g));
  const { found, missing } = unknown(/\bQemuGuestAgent[A-Z]\w+/g, (name) => alerts.has(name));
  deepEqual(missing, []);
  ok(found > 8, `only ${found} alerts were found`);
});

Deno.test("each command guest-... is one of the agent's", () => {
  const names: readonly string[] = COMMANDS.map(({ name }) => name);
  const named = INLINE.filter(({ code }) => /^guest-[a-z-]+$/.test(code));
  deepEqual(named.filter(({ code }) => !names.includes(code)), []);
  ok(named.length > 8, `only ${named.length} commands were found`);
});

/** What dotted names begin with that are no values: fields, kinds and addresses, other charts' values, our state files. */
const NO_VALUE = new RegExp(
  "^(?:status|spec|metadata|cluster|machine|serviceaccounts|kubernetes|org|registry|ghcr|example|" +
    "prometheus|sidecar|qga)\\.",
);
const FILE_NAME = /\.(?:ts|md|ya?ml|json|lock|svg|tar|tgz|txt)$/;

Deno.test("each value of the chart that a sentence names exists", async () => {
  const values = parse(await Deno.readTextFile(`${PROJECT}/chart/values.yaml`)) as Record<
    string,
    unknown
  >;
  const schema = JSON.parse(await Deno.readTextFile(`${PROJECT}/chart/values.schema.json`));
  const probes = Object.keys(schema.definitions.probe.properties);
  const isKnown = (path: readonly string[]): boolean => {
    const [first = "", second = ""] = path;
    // They have no members by default that say what they may have.
    if (first === "config") return second in schema.properties.config.properties;
    if (first.endsWith("Probe")) return probes.includes(second);
    if (["securityContext", "resources", "podSecurityContext"].includes(first)) return true;
    return hasValue(values, path);
  };
  const named = INLINE.flatMap(({ code, place }) => {
    const path = /^([a-zA-Z]+(?:\.[a-zA-Z][\w-]*)+)(?:[:=]|$)/.exec(code)?.[1];
    return path === undefined || NO_VALUE.test(path) || FILE_NAME.test(path)
      ? []
      : [{ path, place }];
  });
  deepEqual(named.filter(({ path }) => !isKnown(path.split("."))), []);
  ok(named.length > 60, `only ${named.length} values were found`);
});

/** Where the paths of a page may begin, besides the project: those of rooms and templates are short. */
const ROOTS = ["", "agent/", "chart/", "docs/"];
/** Made by builds and tools. */
const BUILT = /^(?:dist|\.tools)(?:\/|$)/;

Deno.test("each file of the project that a sentence names exists", async () => {
  const files = await projectPaths();
  const exists = (path: string) => ROOTS.some((root) => files.has(`${root}${path}`));
  const missing: string[] = [];
  let found = 0;
  for (const { code, place } of INLINE) {
    const path = code.replace(/\/$/, "").replace(/ .*/, "");
    const isPath = /^(?:agent|tests|scripts|chart|docs|bench|\.github|\.ci)\/[\w./-]+$/.test(path);
    const isModule = /^[\w./-]+\.ts$/.test(path);
    if ((!isPath && !isModule) || BUILT.test(path)) continue;
    found++;
    const isNamed = isModule && !path.includes("/") &&
      files.values().some((each) => each.endsWith(`/${path}`));
    if (!exists(path) && !isNamed) missing.push(`${place}: ${path}`);
  }
  deepEqual(missing, []);
  ok(found > 80, `only ${found} paths were found`);
});

/** All files and directories of the project, without those that are built. */
async function projectPaths(): Promise<Set<string>> {
  const paths = new Set<string>();
  const look = async (directory: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(`${PROJECT}/${directory}`)) {
      const path = `${directory}${name}`;
      if (name === ".git" || name === "node_modules" || BUILT.test(path)) continue;
      paths.add(path);
      if (isDirectory) await look(`${path}/`);
    }
  };
  await look("");
  return paths;
}

Deno.test("each configuration file that is shown is one that the agent takes", async () => {
  const shown = PAGES.flatMap(({ blocks }) =>
    blocks.filter(({ language, text }) => language === "yaml" && /^# qga\.yaml$/m.test(text))
  );
  for (const { text } of shown) {
    await loadConfig(parseWords(["--config", "/qga.yaml"]), {
      environment: () => undefined,
      readTextFile: () => text,
      exists: () => true,
    });
  }
  ok(shown.length > 0, "none was found");
});
