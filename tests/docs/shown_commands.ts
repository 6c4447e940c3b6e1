import { deepEqual, match, ok } from "node:assert/strict";
import { runCommand } from "../harness/command.ts";
import { Podman } from "../harness/podman.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { commandsOf, type ShellCommand } from "./commands.ts";
import { readExamples, readPages } from "./pages.ts";
import { SHOWN_PROGRAMS, type ShownProgram } from "./shown_programs.ts";

/** Nobody listens there, neither as API server nor as proxy: no command gets any further than that. */
const NOWHERE = "http://127.0.0.1:1";
const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{ name: nowhere, context: { cluster: nowhere, user: nobody } }]
clusters: [{ name: nowhere, cluster: { server: "${NOWHERE}" } }]
users: [{ name: nobody, user: {} }]
`;
const TALOSCONFIG = `context: nowhere
contexts: { nowhere: { endpoints: ["127.0.0.1:1"] } }
`;

/**
 * Registers a test for each program of a suite: every command line of it that the documentation shows is one that
 * it takes: command, options and, where the line is whole, number of arguments. It finds no cluster and no
 * registry; what the commands do is what other tests show.
 *
 * @param suite the folder of tests/ that calls this
 * @param executables of a program, where PATH does not have it by its name
 */
export function registerShownCommandsTests(
  suite: ShownProgram["suite"],
  executables: (name: string) => Promise<readonly string[]> = (name) => Promise.resolve([name]),
): void {
  for (const program of SHOWN_PROGRAMS.filter((each) => each.suite === suite)) {
    Deno.test(`${program.name} takes the commands that the documentation shows`, async () => {
      for (const executable of await executables(program.name)) await tryAll(program, executable);
    });
  }
}

async function tryAll(program: ShownProgram, executable: string): Promise<void> {
  const { name, unknown, miscounted, prepare } = program;
  const { whole, inline } = await shownCommands(name);
  await using place = await Nowhere.create();
  if (prepare !== undefined) await place.run(executable, prepare);

  const faults: string[] = [];
  const complaint = async ({ words: [, ...args] }: ShellCommand, patterns: readonly RegExp[]) => {
    const lines = (await place.run(executable, args)).split("\n");
    return lines.find((line) => patterns.some((pattern) => pattern.test(line)));
  };
  const look = async (command: ShellCommand, patterns: readonly RegExp[]) => {
    const fault = await complaint(command, patterns);
    if (fault !== undefined) faults.push(`${command.place}: ${command.words.join(" ")}: ${fault}`);
  };
  for (const command of whole) {
    await look(command, miscounted === undefined ? [unknown] : [unknown, miscounted]);
  }
  // A sentence may name a command without its arguments.
  for (const command of inline) await look(command, [unknown]);
  deepEqual(faults, []);

  // It would have complained.
  const some = whole.find(({ words }) => !words.includes("--"));
  ok(some !== undefined, `no command of ${name} is shown: take it out of SHOWN_PROGRAMS`);
  match(
    await place.run(executable, [...some.words.slice(1), "--no-such-option"]),
    unknown,
    `${name} --no-such-option`,
  );
}

/** The commands of a program: those in blocks, and those in sentences. */
async function shownCommands(
  name: string,
): Promise<{ readonly whole: readonly ShellCommand[]; readonly inline: readonly ShellCommand[] }> {
  const pages = await readPages();
  const blocks = [...pages.flatMap((page) => page.blocks), ...await readExamples()];
  const isIts = ({ words }: ShellCommand) => words[0] === name && words.length > 1;
  return {
    whole: blocks.filter(({ language }) => language === "sh" || language === "")
      .flatMap(commandsOf).filter(isIts),
    inline: pages.flatMap((page) => page.inline)
      .flatMap(({ code, place }) => commandsOf({ language: "", text: code, place })).filter(isIts),
  };
}

/** An empty directory, in which programs have no settings, no credentials and no network. */
class Nowhere implements AsyncDisposable {
  readonly #directory: TemporaryDirectory;
  readonly #podman: Podman;

  private constructor(directory: TemporaryDirectory, podman: Podman) {
    this.#directory = directory;
    this.#podman = podman;
  }

  static async create(): Promise<Nowhere> {
    const directory = await TemporaryDirectory.create();
    const { path } = directory;
    await directory.write("kubeconfig", KUBECONFIG);
    await directory.write("talosconfig", TALOSCONFIG);
    await directory.write(
      "storage.conf",
      `[storage]\ndriver = "vfs"\ngraphroot = "${path}/images"\nrunroot = "${path}/run"\n`,
    );
    await Deno.mkdir(`${path}/here`);
    return new Nowhere(directory, await Podman.create());
  }

  /** Runs a program to its end, however it ends; gives all that it says. */
  async run(program: string, args: readonly string[]): Promise<string> {
    const { path } = this.#directory;
    const { stdout, stderr } = await runCommand(program, args.map(asReference), {
      cwd: `${path}/here`,
      env: {
        HOME: path,
        LC_ALL: "C",
        HTTP_PROXY: NOWHERE,
        HTTPS_PROXY: NOWHERE,
        KUBECONFIG: `${path}/kubeconfig`,
        TALOSCONFIG: `${path}/talosconfig`,
        LIBVIRT_DEFAULT_URI: "test:///default",
        COSIGN_PASSWORD: "",
        CONTAINERS_CONF: this.#podman.configuration,
        CONTAINERS_STORAGE_CONF: `${path}/storage.conf`,
      },
    });
    return `${stdout}${stderr}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#podman[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** Names of images have no capital letters, in which the reader's own part is written. */
function asReference(word: string): string {
  return word.includes("/") ? word.toLowerCase() : word;
}
