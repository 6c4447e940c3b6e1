import { deepEqual, ok } from "node:assert/strict";
import { runCommand } from "../harness/command.ts";
import { findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { HELM_VERSIONS, helmProgram } from "../harness/kubernetes/helm.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { commandsOf, type ShellCommand } from "../docs/commands.ts";
import { readPages } from "../docs/pages.ts";

/** What kubectl and Helm say of a command line that they do not take. */
const NOT_TAKEN =
  /unknown (?:command|flag|shorthand)|invalid argument|flag needs an argument|requires (?:at least|exactly|\d)|accepts (?:at most|\d)|must be specified|must specify|unexpected args/i;

/** Nobody listens there, neither as API server nor as proxy: no command gets any further than that. */
const NOWHERE = "http://127.0.0.1:1";
const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{ name: nowhere, context: { cluster: nowhere, user: nobody } }]
clusters: [{ name: nowhere, cluster: { server: "${NOWHERE}" } }]
users: [{ name: nobody, user: {} }]
`;

/**
 * Every command line of kubectl and Helm that the documentation shows is one that they take: command, flags and
 * number of arguments. They find no cluster; what the commands do is what the other tests show.
 */
export function registerShownCommandsTest(): void {
  Deno.test("kubectl and Helm take the commands that the documentation shows", async () => {
    const pages = await readPages();
    const shown = pages.flatMap(({ blocks }) => blocks)
      .filter(({ language }) => language === "sh" || language === "")
      .flatMap(commandsOf);
    await using directory = await TemporaryDirectory.create();
    await Deno.writeTextFile(`${directory.path}/kubeconfig`, KUBECONFIG);
    const env = {
      HOME: directory.path,
      KUBECONFIG: `${directory.path}/kubeconfig`,
      HTTP_PROXY: NOWHERE,
      HTTPS_PROXY: NOWHERE,
    };
    const faults: string[] = [];
    let tried = 0;
    for (const { program, command } of await withPrograms(shown)) {
      const [, ...args] = command.words;
      const { stdout, stderr } = await runCommand(program, args, { env, cwd: directory.path });
      tried++;
      const fault = `${stdout}${stderr}`.split("\n").find((line) => NOT_TAKEN.test(line));
      if (fault !== undefined) {
        faults.push(`${command.place}: ${command.words.join(" ")}: ${fault}`);
      }
    }
    deepEqual(faults, []);
    ok(tried > 30, `only ${tried} commands were found`);
  });
}

/** Each command with the programs that are to take it: Helm's with both of its versions. */
async function withPrograms(
  commands: readonly ShellCommand[],
): Promise<{ readonly program: string; readonly command: ShellCommand }[]> {
  const kubectl = await findControlPlaneProgram("kubectl");
  return commands.flatMap((command) => {
    const [program] = command.words;
    if (program === "kubectl") return [{ program: kubectl, command }];
    if (program !== "helm") return [];
    return HELM_VERSIONS.map((version) => ({ program: helmProgram(version), command }));
  });
}
