/**
 * What software the image has in it.
 *
 *   software_list.ts licences DIRECTORY     copies the licences there
 *   software_list.ts spdx ARCH BASE         prints a list in SPDX 2.3 (JSON)
 *
 * The npm packages are those whose files got into dist/bundle, which its source maps tell; versions and
 * checksums are those of deno.lock. The libraries of a base image are its own list's to tell.
 */

/** An npm package in the bundle. */
interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** Where Deno has unpacked it. */
  readonly directory: string;
  /** Of its archive, in hexadecimal. */
  readonly sha512: string;
  /** An SPDX licence expression. */
  readonly licence: string;
}

const BUNDLE = "dist/bundle";
const LICENCE_FILE = /^(licen[cs]e|notice|copying)/i;

async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(path));
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new Error(`${what} is missing`);
  return value;
}

/** The directories of packages in Deno's cache whose files the bundle has. */
async function bundledDirectories(): Promise<string[]> {
  const directories = new Set<string>();
  for await (const { name } of Deno.readDir(BUNDLE)) {
    if (!name.endsWith(".map")) continue;
    const { sources } = await readJson(`${BUNDLE}/${name}`) as { sources?: string[] };
    for (const source of sources ?? []) {
      // Relative to where scripts/compile has made the bundle before it put it in its place.
      const path = decodeURIComponent(
        new URL(source, `file://${Deno.cwd()}/dist/x/bundle/`).pathname,
      );
      const directory = /^.*\/npm\/[^/]+\/(?:@[^/]+\/)?[^/]+\/\d[^/]*/.exec(path)?.[0];
      if (directory !== undefined) directories.add(directory);
    }
  }
  return [...directories].sort();
}

async function bundledPackages(): Promise<BundledPackage[]> {
  const lock = await readJson("deno.lock") as { npm?: Record<string, { integrity?: string }> };
  const packages: BundledPackage[] = [];
  for (const directory of await bundledDirectories()) {
    const manifest = await readJson(`${directory}/package.json`);
    const name = text(manifest["name"], `the name in ${directory}`);
    const version = text(manifest["version"], `the version in ${directory}`);
    const integrity = text(lock.npm?.[`${name}@${version}`]?.integrity, `${name} in deno.lock`);
    packages.push({
      name,
      version,
      directory,
      sha512: Uint8Array.fromBase64(integrity.replace(/^sha512-/, "")).toHex(),
      licence: text(manifest["license"], `the licence of ${name}`).replace(/^\((.*)\)$/, "$1"),
    });
  }
  return packages;
}

async function copyLicences(destination: string): Promise<void> {
  const copy = async (from: string, directory: string, name: string) => {
    await Deno.mkdir(`${destination}/${directory}`, { recursive: true });
    await Deno.copyFile(from, `${destination}/${directory}/${name}`);
    await Deno.chmod(`${destination}/${directory}/${name}`, 0o644);
  };
  await copy("LICENSE", "qemu-guest-agent-talos", "LICENSE");
  await copy("scripts/licences/deno", "deno", "LICENSE");
  for (const { name, version, licence, directory } of await bundledPackages()) {
    for await (const file of Deno.readDir(directory)) {
      if (LICENCE_FILE.test(file.name)) await copy(`${directory}/${file.name}`, name, file.name);
    }
    // Not every package comes with its licence's text; all name it.
    await Deno.mkdir(`${destination}/${name}`, { recursive: true });
    const statement = `npm package ${name} ${version}\n${licence}\n`;
    await Deno.writeTextFile(`${destination}/${name}/PACKAGE`, statement);
    await copyCommonLicences(licence, `${destination}/${name}`);
  }
}

/** The texts that Debian keeps of the licences in an SPDX expression. */
async function copyCommonLicences(licence: string, destination: string): Promise<void> {
  for (const id of licence.split(/[() ]+|AND|OR/)) {
    try {
      await Deno.copyFile(`/usr/share/common-licenses/${id}`, `${destination}/${id}`);
    } catch (error) {
      if (id !== "" && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** SPDX identifiers have letters, digits, dots and hyphens. */
function spdxId(name: string, version: string): string {
  return `SPDXRef-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.]+/g, "-").replace(/^-/, "")}`;
}

async function pinned(name: string): Promise<string> {
  const versions = await Deno.readTextFile("scripts/versions");
  return text(new RegExp(`^${name}=(.*)$`, "m").exec(versions)?.[1], `${name} in scripts/versions`);
}

async function spdx(arch: string, base: string): Promise<unknown> {
  const version = text((await readJson("deno.json"))["version"], "the version in deno.json");
  const denoVersion = await pinned("DENO_VERSION");
  const common = {
    filesAnalyzed: false,
    downloadLocation: "NOASSERTION",
    copyrightText: "NOASSERTION",
  };
  const project = {
    ...common,
    SPDXID: spdxId("qemu-guest-agent-talos", version),
    name: "qemu-guest-agent-talos",
    versionInfo: version,
    licenseConcluded: "BSD-3-Clause",
    licenseDeclared: "BSD-3-Clause",
    comment: `linux/${arch}, on ${base}`,
  };
  const parts = [
    {
      ...common,
      SPDXID: spdxId("deno", denoVersion),
      name: "deno",
      versionInfo: denoVersion,
      licenseConcluded: "MIT",
      licenseDeclared: "MIT",
      checksums: [{
        algorithm: "SHA256",
        checksumValue: await pinned(`DENORT_SHA256_${arch.toUpperCase()}`),
      }],
    },
    ...(await bundledPackages()).map(({ name, version, sha512, licence }) => ({
      ...common,
      SPDXID: spdxId(name, version),
      name,
      versionInfo: version,
      licenseConcluded: licence,
      licenseDeclared: licence,
      checksums: [{ algorithm: "SHA512", checksumValue: sha512 }],
      externalRefs: [{
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      }],
    })),
  ];
  const epoch = Number(Deno.env.get("SOURCE_DATE_EPOCH") ?? "0");
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `qemu-guest-agent-talos-${version}-${arch}`,
    documentNamespace:
      `https://spdx.org/spdxdocs/qemu-guest-agent-talos-${version}-${arch}-${epoch}`,
    creationInfo: {
      created: new Date(epoch * 1000).toISOString().replace(".000", ""),
      creators: ["Tool: qemu-guest-agent-talos scripts/image"],
    },
    packages: [project, ...parts],
    relationships: [
      {
        spdxElementId: "SPDXRef-DOCUMENT",
        relationshipType: "DESCRIBES",
        relatedSpdxElement: project.SPDXID,
      },
      ...parts.map(({ SPDXID }) => ({
        spdxElementId: project.SPDXID,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

const [action, first = "", second = ""] = Deno.args;
if (action === "licences") await copyLicences(first);
else if (action === "spdx") console.log(JSON.stringify(await spdx(first, second), undefined, 2));
else throw new Error("usage: software_list.ts licences DIRECTORY | spdx ARCH BASE");
