import assert from "node:assert/strict";
import { type KubernetesObject, parseObjects } from "../harness/kubernetes/helm.ts";
import { PROJECT } from "../harness/project.ts";

const PROGRAM = `${PROJECT}/scripts/manifests`;

interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function manifests(...args: string[]): Promise<Printed> {
  const { code, stdout, stderr } = await new Deno.Command(PROGRAM, { args }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function objects(...args: string[]): Promise<KubernetesObject[]> {
  const { code, stdout, stderr } = await manifests(...args);
  assert.equal(code, 0, stderr);
  return parseObjects(stdout);
}

function names(all: readonly KubernetesObject[]): string[] {
  return all.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`);
}

function volumes(all: readonly KubernetesObject[]): string {
  return JSON.stringify(all.find(({ kind }) => kind === "DaemonSet")?.["spec"]);
}

Deno.test("scripts/manifests prints the namespace first, labelled, and all else in it", async () => {
  for (const mode of [[], ["serviceAccount"], ["secret"], ["none"]]) {
    const all = await objects(...mode);
    const [namespace, ...rest] = all;
    assert.equal(namespace?.kind, "Namespace");
    assert.equal(namespace.metadata.name, "qemu-guest-agent");
    assert.match(
      JSON.stringify(namespace.metadata),
      /security.kubernetes.io\/enforce":"privileged/,
    );
    for (const { kind, metadata } of rest) {
      assert.equal(metadata.namespace, "qemu-guest-agent", `${kind} ${metadata.name}`);
    }
    assert(!names(all).some((name) => name.startsWith("v1 Pod ")), "helm test is for Helm");
  }
});

Deno.test("scripts/manifests serviceAccount has the Talos ServiceAccount", async () => {
  const talos = "talos.dev/v1alpha1 ServiceAccount qemu-guest-agent-talos-talos-secrets";
  assert(names(await objects()).includes(talos));
  assert(names(await objects("serviceAccount")).includes(talos));
  assert(!names(await objects("secret")).includes(talos));
});

Deno.test("scripts/manifests secret takes the Secret of the older manifests, or another", async () => {
  assert.match(volumes(await objects("secret")), /"secretName":"talosconfig"/);
  const other = await objects("secret", "--set", "talos.existingSecret=other");
  assert.match(volumes(other), /"secretName":"other"/);
});

Deno.test("scripts/manifests secret makes a Secret of a file", async () => {
  const file = await Deno.makeTempFile();
  try {
    const empty = await manifests("secret", "--set-file", `talos.talosconfig=${file}`);
    assert.match(empty.stderr, /set talos\.existingSecret/);
    await Deno.writeTextFile(file, "context: a\n");
    const all = await objects("secret", "--set-file", `talos.talosconfig=${file}`);
    assert(names(all).includes("v1 Secret qemu-guest-agent-talos-talosconfig"));
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("scripts/manifests none has no credentials", async () => {
  assert.doesNotMatch(volumes(await objects("none")), /secretName/);
});

Deno.test("scripts/manifests takes a namespace and Helm's options", async () => {
  for (const option of [["-n", "other"], ["--namespace", "other"], ["--namespace=other"]]) {
    const all = await objects("none", ...option, "--set", "image.registry=registry.example.com");
    assert.equal(all[0]?.metadata.name, "other");
    assert.match(volumes(all), /"image":"registry\.example\.com\/qemu-guest-agent-talos:/);
  }
});

Deno.test("scripts/manifests refuses what it does not know", async () => {
  const mode = await manifests("token");
  assert.equal(mode.code, 2);
  assert.match(mode.stderr, /unknown mode token; there are serviceAccount, secret and none/);
  const value = await manifests("--namespace");
  assert.equal(value.code, 2);
  const contradiction = await manifests("--set", "talos.context=a", "--set", "talos.auth=none");
  assert.notEqual(contradiction.code, 0);
  assert.match(contradiction.stderr, /talos\.context is set, and talos\.auth is none/);
});
