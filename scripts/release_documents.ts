/**
 * What scripts/release makes of JSON, YAML and the changelog.
 *
 *   release_documents.ts index LAYOUT TAG TITLE TEXT    makes one index of the images in an OCI layout; prints its digest
 *   release_documents.ts digest LAYOUT|INDEX ARCH       prints the digest of the image for a processor
 *   release_documents.ts provenance BASE                prints a provenance (SLSA v1), the predicate alone
 *   release_documents.ts chart DIRECTORY IMAGE DIGEST   writes the chart there, as it is published
 *   release_documents.ts notes VERSION                  prints the changelog's section
 */
import { parseDocument } from "yaml";
import { artifactHubChanges, changelogSection, hasSecurityFixes } from "./changelog.ts";

/** https://specs.opencontainers.org/image-spec/descriptor */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** https://specs.opencontainers.org/image-spec/image-index */
interface ImageIndex {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const REF_NAME = "org.opencontainers.image.ref.name";
const PROJECT = new URL("../", import.meta.url);

function variable(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined || value === "") throw new Error(`${name} is not set`);
  return value;
}

/** The address of the repository's page. */
function repositoryUrl(): string {
  return `${Deno.env.get("GITHUB_SERVER_URL") ?? "https://github.com"}/${
    variable("GITHUB_REPOSITORY")
  }`;
}

function creationTime(): string {
  return new Date(Number(variable("SOURCE_DATE_EPOCH")) * 1000).toISOString();
}

async function revision(): Promise<string> {
  const { success, stdout } = await new Deno.Command("git", { args: ["rev-parse", "HEAD"] })
    .output();
  if (!success) throw new Error("the commit is unknown: a release is made in a checkout of git");
  return new TextDecoder().decode(stdout).trim();
}

async function readIndex(path: string): Promise<ImageIndex> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** The blob of a layout that has a digest. */
function blobPath(layout: string, digest: string): string {
  return `${layout}/blobs/${digest.replace(":", "/")}`;
}

/** Each image of the layout is named by its processor; afterwards the index alone is named, by `tag`. */
async function makeIndex(
  layout: string,
  tag: string,
  title: string,
  description: string,
): Promise<string> {
  const found = await readIndex(`${layout}/index.json`);
  const index: ImageIndex = {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: found.manifests.map(({ mediaType, digest, size, annotations }) => {
      const architecture = annotations?.[REF_NAME];
      if (architecture === undefined) throw new Error(`${digest} in ${layout} has no name`);
      return { mediaType, digest, size, platform: { os: "linux", architecture } };
    }),
    // What a registry shows of it.
    annotations: {
      "org.opencontainers.image.title": title,
      "org.opencontainers.image.description": description,
      "org.opencontainers.image.version": tag,
      "org.opencontainers.image.licenses": "BSD-3-Clause",
      "org.opencontainers.image.source": repositoryUrl(),
      "org.opencontainers.image.revision": await revision(),
      "org.opencontainers.image.created": creationTime(),
    },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(index));
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const digest = `sha256:${sum}`;
  await Deno.writeFile(blobPath(layout, digest), bytes);
  const layoutIndex: ImageIndex = {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: [{
      mediaType: INDEX_TYPE,
      digest,
      size: bytes.length,
      annotations: { [REF_NAME]: tag },
    }],
  };
  await Deno.writeTextFile(`${layout}/index.json`, JSON.stringify(layoutIndex));
  return digest;
}

/** Of an index that lies in a file, or that is the one image of a layout. */
async function imageDigest(path: string, arch: string): Promise<string> {
  let index: ImageIndex;
  if ((await Deno.stat(path)).isDirectory) {
    const [named] = (await readIndex(`${path}/index.json`)).manifests;
    if (named === undefined) throw new Error(`${path} has no image`);
    index = await readIndex(blobPath(path, named.digest));
  } else {
    index = await readIndex(path);
  }
  const image = index.manifests.find(({ platform }) => platform?.architecture === arch);
  if (image === undefined) throw new Error(`${path} has no image for ${arch}`);
  return image.digest;
}

/**
 * https://slsa.dev/spec/v1.0/provenance. In a workflow of GitHub it says which, in the form that GitHub's own
 * attestations have; elsewhere it says that a person ran scripts/release.
 */
async function provenance(base: string): Promise<unknown> {
  const repository = repositoryUrl();
  const commit = await revision();
  const workflow = Deno.env.get("GITHUB_WORKFLOW_REF");
  const ref = Deno.env.get("GITHUB_REF") ?? commit;
  const sha256 = /@sha256:([0-9a-f]{64})$/.exec(base)?.[1];
  const run = workflow === undefined ? {} : {
    invocationId: `${repository}/actions/runs/${variable("GITHUB_RUN_ID")}/attempts/${
      variable("GITHUB_RUN_ATTEMPT")
    }`,
  };
  return {
    buildDefinition: {
      ...(workflow === undefined
        ? {
          buildType: `${repository}/blob/${commit}/scripts/release`,
          externalParameters: { repository, revision: commit, base },
        }
        : {
          buildType: "https://actions.github.io/buildtypes/workflow/v1",
          externalParameters: {
            workflow: {
              ref,
              repository,
              path: workflow.replace(/@.*$/, "").split("/").slice(2).join("/"),
            },
          },
          internalParameters: {
            github: {
              event_name: variable("GITHUB_EVENT_NAME"),
              repository_id: variable("GITHUB_REPOSITORY_ID"),
              repository_owner_id: variable("GITHUB_REPOSITORY_OWNER_ID"),
              runner_environment: variable("RUNNER_ENVIRONMENT"),
            },
          },
        }),
      resolvedDependencies: [
        { uri: `git+${repository}@${ref}`, digest: { gitCommit: commit } },
        ...(sha256 === undefined ? [] : [{ uri: `docker://${base}`, digest: { sha256 } }]),
      ],
    },
    runDetails: {
      builder: {
        id: workflow === undefined
          ? `${repository}/blob/${commit}/scripts/release`
          : `${Deno.env.get("GITHUB_SERVER_URL")}/${workflow}`,
      },
      metadata: { ...run, finishedOn: new Date().toISOString() },
    },
  };
}

/**
 * Puts a value in place of a line's, and keeps the rest of the file as it is.
 *
 * @throws {Error} unless there is exactly one such line.
 */
function replaceLine(text: string, line: RegExp, value: string): string {
  if ([...text.matchAll(new RegExp(line, "gm"))].length !== 1) {
    throw new Error(`there is not one line ${line.source}: the release must know where to write`);
  }
  return text.replace(new RegExp(line, "m"), (whole) => whole.replace(/: .*$/, `: ${value}`));
}

async function copyTree(from: URL, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyTree(new URL(`${name}/`, `${from}`), `${to}/${name}`);
    else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

async function writeChart(directory: string, image: string, digest: string): Promise<void> {
  await copyTree(new URL("chart/", PROJECT), directory);
  await Deno.copyFile(new URL("LICENSE", PROJECT), `${directory}/LICENSE`);
  const [, registry = "", repository = ""] = /^([^/]+)\/(.+)$/.exec(image) ?? [];

  let values = await Deno.readTextFile(`${directory}/values.yaml`);
  values = replaceLine(values, /^ {2}registry: localhost$/, registry);
  values = replaceLine(values, /^ {2}repository: qemu-guest-agent-talos$/, repository);
  values = replaceLine(values, /^ {2}digest: ""$/, digest);
  await Deno.writeTextFile(`${directory}/values.yaml`, values);
  await Deno.writeTextFile(
    `${directory}/files/defaults.yaml`,
    await output("scripts/generate_chart.ts", "defaults", directory),
  );

  const chart = parseDocument(await Deno.readTextFile(`${directory}/Chart.yaml`));
  const version = String(chart.get("version"));
  const section = await readSection(version);
  const url = repositoryUrl();
  chart.set("home", url);
  chart.set("sources", [url]);
  chart.setIn(["maintainers", 0, "url"], url);
  const annotate = (name: string, value: string) =>
    chart.setIn(["annotations", `artifacthub.io/${name}`], value);
  annotate("prerelease", String(version.includes("-")));
  annotate("containsSecurityUpdates", String(hasSecurityFixes(section)));
  annotate("changes", artifactHubChanges(section));
  annotate(
    "images",
    `- name: qemu-guest-agent-talos
  image: ${image}@${digest}
  platforms:
    - linux/amd64
    - linux/arm64
`,
  );
  await Deno.writeTextFile(`${directory}/Chart.yaml`, chart.toString({ lineWidth: 0 }));
}

/** What another script prints. */
async function output(script: string, ...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL(script, PROJECT).pathname, ...args],
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

async function readSection(version: string): Promise<string> {
  return changelogSection(await Deno.readTextFile(new URL("CHANGELOG.md", PROJECT)), version);
}

const [action, first = "", second = "", third = "", fourth = ""] = Deno.args;
switch (action) {
  case "index":
    console.log(await makeIndex(first, second, third, fourth));
    break;
  case "digest":
    console.log(await imageDigest(first, second));
    break;
  case "provenance":
    console.log(JSON.stringify(await provenance(first), undefined, 2));
    break;
  case "chart":
    await writeChart(first, second, third);
    break;
  case "notes":
    console.log(await readSection(first));
    break;
  default:
    throw new Error("the head of scripts/release_documents.ts lists the actions");
}
