import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { type CommandResult, runCommand, succeeded } from "../harness/command.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { readPages } from "../docs/pages.ts";

/** Documents of Talos 1.14: an older talosctl says that it does not know them. */
const NEWER_KINDS = ["KubeTalosAPIAccessConfig", "KubeAdmissionControlConfig", "KubeNodeConfig"];

/** The last version whose clusters have one document for most matters: later ones take no part of that for these. */
const OLDER = ["--talos-version", "v1.13"];

/** A part of the machine configuration that a page shows. */
interface Patch {
  readonly text: string;
  readonly place: string;
}

async function shownPatches(): Promise<readonly Patch[]> {
  const blocks = (await readPages()).flatMap((page) => page.blocks);
  return blocks.filter(({ language, text }) =>
    language === "yaml" && /^(?:machine|cluster|apiVersion: v1alpha1$)/m.test(text)
  );
}

/** Runs talosctl on files of a directory, however it ends. */
async function talosctl(directory: string, ...args: readonly string[]): Promise<CommandResult> {
  const program = Deno.env.get("TALOSCTL") ?? "talosctl";
  return await runCommand(program, args, { env: { HOME: directory }, cwd: directory });
}

async function newConfiguration(directory: string, ...options: string[]): Promise<void> {
  const args = ["gen", "config", "cluster", "https://10.0.0.10:6443", "--force", ...options];
  succeeded("talosctl gen config", await talosctl(directory, ...args));
}

/** Patches the configuration of a control plane node, and lets Talos judge what comes of it. */
async function apply(directory: string, text: string): Promise<CommandResult> {
  // The reader puts a subnet there.
  await Deno.writeTextFile(`${directory}/patch.yaml`, text.replace("NODES", "10.0.0.0/24"));
  const files = ["controlplane.yaml", "--patch", "@patch.yaml", "--output", "patched.yaml"];
  const patched = await talosctl(directory, "machineconfig", "patch", ...files);
  if (patched.code !== 0) return patched;
  return await talosctl(directory, "validate", "--config", "patched.yaml", "--mode", "metal");
}

Deno.test("Talos takes each part of a machine configuration that the documentation shows", async () => {
  await using directory = await TemporaryDirectory.create();
  const refused: string[] = [];
  const patches = await shownPatches();
  for (const { text, place } of patches) {
    const kinds = parseAllDocuments(text).map((document) => String(document.get("kind")));
    const isNewer = kinds.some((kind) => NEWER_KINDS.includes(kind));
    await newConfiguration(directory.path, ...(isNewer ? [] : OLDER));
    const { code, stderr } = await apply(directory.path, text);
    if (code !== 0 && !(isNewer && stderr.includes("not registered"))) {
      refused.push(`${place}: ${stderr.trim()}`);
    }
  }
  deepEqual(refused, []);
  ok(patches.length > 8, `only ${patches.length} patches were found`);
});

Deno.test("Talos refuses a part with a name that it does not know", async () => {
  await using directory = await TemporaryDirectory.create();
  await newConfiguration(directory.path);
  const { code, stderr } = await apply(directory.path, "machine: { features: { noSuch: true } }");
  equal(code, 1);
  match(stderr, /noSuch/);
});
