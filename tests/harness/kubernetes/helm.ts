import { parseAllDocuments } from "yaml";
import { PROJECT } from "../project.ts";

/** Where the chart is. */
export const CHART = `${PROJECT}/chart`;

/** Where the values files are that people begin with. */
export const EXAMPLES = `${PROJECT}/docs/examples`;

/** Where the values files are that reach what no example does. */
export const TEST_VALUES = `${PROJECT}/tests/harness/kubernetes/values`;

/** The major versions of Helm that the chart is for. */
export const HELM_VERSIONS = [3, 4] as const;

/** One of them. */
export type HelmVersion = typeof HELM_VERSIONS[number];

/**
 * The Kubernetes version that is rendered for where no cluster is asked. A Helm that `go install` has
 * made knows none by itself.
 */
export const KUBERNETES_VERSION = "1.34.0";

/** An object of Kubernetes as it is rendered. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** What is rendered, and with what. */
export interface Rendering {
  /** Default: 4. */
  readonly helm?: HelmVersion;
  /** Default: qga. */
  readonly release?: string;
  /** Default: guest-agents. */
  readonly namespace?: string;
  /** Paths of files with values. */
  readonly valuesFiles?: readonly string[];
  /** More arguments of `helm template`, such as `--set` and its value. */
  readonly args?: readonly string[];
}

/** How `helm` ended. */
export interface HelmResult {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Paths of the values files that people begin with, sorted. */
export async function exampleFiles(): Promise<string[]> {
  return await yamlFiles(EXAMPLES);
}

/** Paths of all values files, those of examples and those that only tests need. */
export async function valuesFiles(): Promise<string[]> {
  return [...await exampleFiles(), ...await yamlFiles(TEST_VALUES)];
}

async function yamlFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(directory)) {
    if (name.endsWith(".yaml")) files.push(`${directory}/${name}`);
  }
  return files.sort();
}

/** A short name for such a file: the mode. */
export function modeName(valuesFile: string): string {
  return valuesFile.replace(/^.*\//, "").replace(/\.yaml$/, "");
}

/** HELM3 or HELM4 of the environment, else the `helm3` or `helm4` on PATH. */
export function helmProgram(version: HelmVersion): string {
  return Deno.env.get(`HELM${version}`) ?? `helm${version}`;
}

/** Runs Helm. */
export async function helm(version: HelmVersion, args: readonly string[]): Promise<HelmResult> {
  const { success, stdout, stderr } = await new Deno.Command(helmProgram(version), {
    args: [...args],
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs `helm template`, however it ends. */
export async function template(rendering: Rendering): Promise<HelmResult> {
  const { release = "qga", namespace = "guest-agents", valuesFiles = [], args = [] } = rendering;
  return await helm(rendering.helm ?? 4, [
    ...["template", release, CHART, "--namespace", namespace],
    ...["--kube-version", KUBERNETES_VERSION],
    ...valuesFiles.flatMap((file) => ["--values", file]),
    ...args,
  ]);
}

/**
 * Renders the chart: all objects, as YAML.
 *
 * @throws {Error} with Helm's complaint, if it has one.
 */
export async function render(rendering: Rendering): Promise<string> {
  const { success, stdout, stderr } = await template(rendering);
  if (!success) throw new Error(`helm template: ${stderr.trim()}`);
  return stdout;
}

/**
 * The objects in a text of YAML documents; empty documents are none.
 *
 * @throws {Error} if a document is not YAML or not a Kubernetes object.
 */
export function parseObjects(text: string): KubernetesObject[] {
  const objects: KubernetesObject[] = [];
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS();
    if (value === null) continue;
    if (!isObject(value)) throw new Error(`no object of Kubernetes: ${JSON.stringify(value)}`);
    objects.push(value);
  }
  return objects;
}

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && "apiVersion" in value &&
    "kind" in value && "metadata" in value;
}
