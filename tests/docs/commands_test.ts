import { deepEqual, equal, ok } from "node:assert/strict";
import { parse } from "yaml";
import project from "../../deno.json" with { type: "json" };
import { runHelp } from "../../agent/cli/run_help.ts";
import { COMMANDS } from "../../agent/commands/all.ts";
import { PROJECT } from "../harness/project.ts";
import { hasValue } from "./chart_values.ts";
import { commandsOf, innermost, type ShellCommand } from "./commands.ts";
import { readPages } from "./pages.ts";
import { SHOWN_PROGRAMS } from "./shown_programs.ts";

/**
 * What the documentation shows a reader to type. Commands of the project are compared with what they take, those of
 * others are given to the real programs (SHOWN_PROGRAMS). What no suite has says in its block's first line what it
 * needs, and so does what is typed on a hypervisor.
 */
const PAGES = await readPages();
const SHELL = PAGES.flatMap(({ blocks }) => blocks.filter(({ language }) => language === "sh"));
const INDENTED = PAGES.flatMap(({ blocks }) => blocks.filter(({ language }) => language === ""));
const INLINE = PAGES.flatMap(({ inline }) =>
  inline.map(({ code, place }) => ({ language: "", text: code, place }))
);

/** Of the shell, which reads each block. */
const BUILT_IN = ["export", "printf"];
/** They are there on a hypervisor, or with something that no suite has; the block says where or with what. */
const ELSEWHERE = [
  ...["qm", "vzdump", "virsh", "virtctl", "openstack", "qemu-system-x86_64", "docker", "oras"],
];
const PLACE_COMMENT = /^# (?:On|With) .+/;

const FLAGS = new Set(runHelp().matchAll(/(?<=^|[\s[])--?[a-zA-Z][a-z-]*/g).map(([flag]) => flag));
const SUBCOMMANDS = ["run", "call", "check", "guard", "version"];

function flagsOf(words: readonly string[]): string[] {
  return words.flatMap((word) => /^--[a-z][a-z-]*|^-[a-zA-Z]$/.exec(word)?.[0] ?? []);
}

/** What the agent would complain of. */
function agentFaults(words: readonly string[]): string[] {
  const faults = flagsOf(words).filter((flag) => !FLAGS.has(flag));
  const [first = ""] = words;
  if (/^[a-z]/.test(first) && !SUBCOMMANDS.includes(first)) faults.push(first);
  const known: readonly string[] = COMMANDS.map(({ name }) => name);
  return [...faults, ...words.filter((word) => /^guest-/.test(word) && !known.includes(word))];
}

/** What a script of the project would complain of. */
async function scriptFaults(path: string, words: readonly string[]): Promise<string[]> {
  const text = await Deno.readTextFile(`${PROJECT}/${path}`).catch(() => undefined);
  if (text === undefined) return [path];
  const isFlag = (flag: string) =>
    new RegExp(`(?<![\\w-])${flag}(?![\\w-])`).test(text) ||
    (path === "scripts/dev" && FLAGS.has(flag));
  const faults = flagsOf(words).filter((flag) => !isFlag(flag));
  if (path !== "scripts/test") return faults;
  const suites = await Deno.readTextFile(`${PROJECT}/tests/run.ts`);
  return [
    ...faults,
    ...words.filter((word) => /^[a-z]{2}/.test(word) && !suites.includes(`name: "${word}"`)),
  ];
}

/** What the project would complain of in a command; undefined when it is none of the project's. */
async function faultsOf({ words }: ShellCommand): Promise<readonly string[] | undefined> {
  const [program = "", ...rest] = words;
  if (/^(?:\/|dist\/|.*\/bin\/)?qemu-ga-talos$/.test(program)) return agentFaults(rest);
  if (/^scripts\/[\w-]+$/.test(program)) return await scriptFaults(program, rest);
  if (program !== "deno" || rest[0] !== "task") return undefined;
  const [, task] = rest;
  return task === undefined || task in project.tasks ? [] : [task];
}

Deno.test("each command of the project that is shown is one, with options that it has", async () => {
  const wrong: string[] = [];
  let found = 0;
  for (const command of [...SHELL, ...INDENTED, ...INLINE].flatMap(commandsOf).map(innermost)) {
    const faults = await faultsOf(command);
    if (faults === undefined) continue;
    found++;
    if (faults.length > 0) wrong.push(`${command.place}: ${command.words.join(" ")}: ${faults}`);
  }
  deepEqual(wrong, []);
  ok(found > 40, `only ${found} commands were found`);
});

Deno.test("each block for a shell is understood by one", async () => {
  const wrong: string[] = [];
  for (const { text, place } of SHELL) {
    const { success, stderr } = await new Deno.Command("bash", { args: ["-n", "-c", text] })
      .output();
    if (!success) wrong.push(`${place}: ${new TextDecoder().decode(stderr)}`);
  }
  deepEqual(wrong, []);
  ok(SHELL.length > 10, `only ${SHELL.length} blocks were found`);
});

Deno.test("each program of others is tried by a suite, or its block says what it needs", async () => {
  const wrong: string[] = [];
  for (const block of SHELL) {
    const isMarked = PLACE_COMMENT.test(block.text);
    for (const command of commandsOf(block)) {
      const [program = ""] = command.words;
      const isTried = BUILT_IN.includes(program) ||
        SHOWN_PROGRAMS.some(({ name }) => name === program);
      const isKnown = ELSEWHERE.includes(program) ? isMarked : isTried;
      if (!isKnown && await faultsOf(command) === undefined) {
        wrong.push(`${block.place}: ${program}`);
      }
    }
  }
  deepEqual(wrong, []);
});

Deno.test("each suite that programs of others are tried by does so", async () => {
  for (const suite of new Set(SHOWN_PROGRAMS.map((program) => program.suite))) {
    const calls: string[] = [];
    for await (const { name, isFile } of Deno.readDir(`${PROJECT}/tests/${suite}`)) {
      if (!isFile || !name.endsWith("_test.ts")) continue;
      const text = await Deno.readTextFile(`${PROJECT}/tests/${suite}/${name}`);
      if (new RegExp(`^registerShownCommandsTests\\(\\s*"${suite}"`, "m").test(text)) {
        calls.push(name);
      }
    }
    equal(calls.length, 1, `tests/${suite}`);
  }
});

Deno.test("each command of virsh that is shown is run by tests/libvirt/virsh_test.ts", async () => {
  // They change what the domain is; the others ask or drive its agent.
  const withoutAgent = ["edit", "start", "define"];
  const tried = await Deno.readTextFile(`${PROJECT}/tests/libvirt/virsh_test.ts`);
  const shown = [...SHELL, ...INLINE].flatMap(commandsOf)
    .filter(({ words: [program, command] }) => program === "virsh" && command !== undefined)
    .map(({ words: [, command = ""], place }) => ({ command, place }));
  const untried = shown.filter(({ command }) =>
    !withoutAgent.includes(command) && !new RegExp(`"${command}["| ]`).test(tried)
  );
  deepEqual(untried, []);
  ok(shown.length > 3, `only ${shown.length} commands were found`);
});

Deno.test("each value that a shown command of Helm sets exists, and so does each file it is given", async () => {
  const values: unknown = parse(await Deno.readTextFile(`${PROJECT}/chart/values.yaml`));
  const shownFiles = new Set(
    PAGES.flatMap(({ text }) => Array.from(text.matchAll(/^# (\S+\.yaml)$/gm), ([, name]) => name)),
  );
  const wrong: string[] = [];
  let found = 0;
  for (const { words, place } of [...SHELL, ...INDENTED, ...INLINE].flatMap(commandsOf)) {
    if (words[0] !== "helm" && words[0] !== "scripts/manifests") continue;
    for (const [index, word] of words.entries()) {
      const next = words[index + 1];
      if (next === undefined) continue;
      if (/^--set(?:-file|-json|-string)?$/.test(word)) {
        for (const [, path = ""] of next.matchAll(/(?:^|,)([\w.-]+)=/g)) {
          found++;
          if (!hasValue(values, path.split("."))) wrong.push(`${place}: ${path}`);
        }
      } else if (word === "-f" || word === "--values") {
        found++;
        const isThere = next.includes("/") ? await isFile(next) : shownFiles.has(next);
        if (!isThere) wrong.push(`${place}: ${next}`);
      }
    }
  }
  deepEqual(wrong, []);
  ok(found > 10, `only ${found} were found`);
});

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(`${PROJECT}/${path}`).then((found) => found.isFile, () => false);
}
