import assert from "node:assert/strict";
import { parse } from "yaml";
import { run, runCommand, succeeded } from "../harness/command.ts";
import { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { HELM_VERSIONS, parseObjects } from "../harness/kubernetes/helm.ts";
import { Podman } from "../harness/podman.ts";
import { loadTalosCrd } from "../kubernetes/chart.ts";
import { Clone } from "./clone.ts";
import { Registry } from "./registry.ts";

/** Of the release that is rehearsed: no version of the project's. */
const VERSION = "99.0.0";
const NAME = "qemu-guest-agent-talos";
/** Capital letters, which names of images cannot have. */
const REPOSITORY = `Some-Owner/${NAME}`;
/** Of talos.auth, each of which has manifests of its own. */
const MODES = ["serviceAccount", "secret", "none"];
const IMAGE_PATH = `some-owner/${NAME}`;

/** A key pair of cosign's, in a directory. */
async function makeKeys(directory: string, name: string, password: string): Promise<void> {
  const args = ["generate-key-pair", "--output-key-prefix", `${directory}/${name}`];
  succeeded(
    "cosign generate-key-pair",
    await runCommand("cosign", args, { env: { COSIGN_PASSWORD: password } }),
  );
}

Deno.test("a release is made from a clone, and what is published is what was made", async (test) => {
  await using podman = await Podman.create();
  await using registry = await Registry.start();
  await using scratch = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "release-" });
  scratch.defer(() => Deno.remove(directory, { recursive: true }));
  const password = crypto.randomUUID();
  await makeKeys(directory, "release", password);
  await makeKeys(directory, "other", password);
  const env = {
    REGISTRY: registry.address,
    GITHUB_REPOSITORY: REPOSITORY,
    RELEASE_BASE: "scratch",
    COSIGN_KEY: `${directory}/release.key`,
    COSIGN_PUBLIC_KEY: `${directory}/release.pub`,
    COSIGN_PASSWORD: password,
    DOCKER_CONFIG: `${directory}/docker`,
    CONTAINERS_CONF: podman.configuration,
  };
  const clone = scratch.use(await Clone.prepare(VERSION, env));
  const image = `${registry.address}/${IMAGE_PATH}`;
  const charts = `${registry.address}/some-owner/charts`;

  await test.step("a tag of another version is refused, with what to do", async () => {
    const { code, stderr } = await clone.tryRelease(["check", "v98.0.0"]);
    assert.equal(code, 1);
    assert.match(stderr, /the tag is v98\.0\.0[^]*scripts\/release prepare VERSION/);
    await clone.release("check", `v${VERSION}`);
  });

  await test.step("no version is prepared that is none, or twice", async () => {
    for (
      const [version, complaint] of [["1.2", /is no version/], [VERSION, /has it already/]] as const
    ) {
      const { code, stderr } = await clone.tryRelease(["prepare", version]);
      assert.equal(code, 1);
      assert.match(stderr, complaint);
    }
  });

  await test.step("without a login nothing is pushed", async () => {
    await clone.release("build");
    const { code, stderr } = await clone.tryRelease(["push"]);
    assert.equal(code, 1);
    assert.match(stderr, /authentication required/);
    const login = await clone.tryRelease(["login", registry.user], {
      stdin: `${registry.password}\n`,
    });
    succeeded("scripts/release login", login);
  });

  await test.step("image, chart and files are published and signed", async () => {
    for (const step of ["push", "sign", "chart", "files"]) await clone.release(step);
  });

  await test.step("a user can verify, render and run it", async () => {
    const said = await clone.release("verify");
    assert.match(said, new RegExp(`podman runs it: QEMU Guest Agent ${VERSION} `));
    assert.ok(said.includes(`renders ${image}@${await clone.read("image-digest")}`));
    const extension = `${image}-extension@${await clone.read("extension-digest")}`;
    for (const what of [`signature of ${extension}`, `slsaprovenance1 of ${extension}`]) {
      assert.ok(said.includes(`verified the ${what}`) || said.includes(`verified ${what}`), what);
    }
    assert.ok(said.includes(`the manifest of ${extension} is of ${VERSION}`), said);
  });

  await test.step("somebody else's signature is none", async () => {
    const { code, stderr } = await clone.tryRelease(["verify"], {
      env: { COSIGN_PUBLIC_KEY: `${directory}/other.pub` },
    });
    assert.equal(code, 1);
    assert.match(stderr, /signature/);
  });

  await test.step("the published chart tells of its release", async () => {
    const chart = `${clone.path}/dist/release/${NAME}-${VERSION}.tgz`;
    const listing = (await run("tar", "-tzf", chart)).trim().split("\n");
    for (const file of ["LICENSE", "README.md", "values.schema.json"]) {
      assert.ok(listing.includes(`${NAME}/${file}`), `no ${file} in the chart`);
    }
    const { home, sources, annotations, version } = parse(
      await run("tar", "-xzOf", chart, `${NAME}/Chart.yaml`),
    );
    assert.equal(version, VERSION);
    assert.equal(home, `https://github.com/${REPOSITORY}`);
    assert.deepEqual(sources, [home]);
    const images = parse(annotations["artifacthub.io/images"]);
    assert.equal(images[0].image, `${image}@${await clone.read("image-digest")}`);
    const changes = parse(annotations["artifacthub.io/changes"]);
    assert.ok(changes.length > 0);
    const readme = await run("tar", "-xzOf", chart, `${NAME}/README.md`);
    assert.ok(readme.includes(`oci://${charts}/${NAME} --version ${VERSION}`));
    const pages = `${home}/blob/v${VERSION}/`;
    const links = Array.from(readme.matchAll(/\]\(([^)\s]+)\)/g), ([, link = ""]) => link);
    assert.ok(links.length > 3, `only ${links.length} links in the chart's README`);
    for (const link of links) {
      assert.ok(link.startsWith(pages), `${link} leads nowhere from where the chart is shown`);
      await Deno.stat(`${clone.path}/${link.slice(pages.length)}`);
    }
    // Helm deletes the default of an empty key, and the chart fills in its own.
    const rendered = parseObjects(
      await run("helm4", "template", "x", chart, "--kube-version=1.34.0", "--set=image=null"),
    );
    assert.ok(JSON.stringify(rendered).includes(`"${images[0].image}"`));
  });

  await test.step("the release's files work", async () => {
    const files = `${clone.path}/dist/release/files`;
    const said = await run(`${files}/qemu-ga-talos-amd64`, "version");
    assert.ok(said.startsWith(`QEMU Guest Agent ${VERSION} `), said);
    for (const mode of MODES) {
      const objects = parseObjects(await Deno.readTextFile(`${files}/manifests-${mode}.yaml`));
      const daemonSet = objects.find(({ kind }) => kind === "DaemonSet");
      const digest = await clone.read("image-digest");
      assert.ok(JSON.stringify(daemonSet).includes(`"image":"${image}@${digest}"`), mode);
    }
  });

  await test.step("another clone of the commit gives the same digests", async () => {
    await using second = await Clone.of(clone.path, env);
    for (const step of ["build", "chart"]) {
      succeeded(`scripts/release ${step}`, await second.tryRelease([step]));
    }
    for (const file of ["image-digest", "extension-digest", "chart-digest"]) {
      assert.equal(await second.read(file), await clone.read(file), file);
      console.log(`release: twice ${file} ${await second.read(file)}`);
    }
  });

  await using controlPlane = await ControlPlane.start();
  const pulled = async (namespace: string) => {
    const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/${NAME}`;
    const daemonSet = JSON.stringify(await controlPlane.api.get(path));
    assert.ok(daemonSet.includes(`"image":"${image}@${await clone.read("image-digest")}"`));
  };

  await test.step("Helm 3 and 4 install it from the registry into a cluster", async () => {
    for (const helm of HELM_VERSIONS) {
      const namespace = `helm${helm}`;
      await controlPlane.kubectl(["create", "namespace", namespace]);
      await controlPlane.helm(helm, [
        ...["install", NAME, `oci://${charts}/${NAME}`, "--version", VERSION, "--plain-http"],
        ...["--registry-config", `${directory}/docker/config.json`, "--namespace", namespace],
        ...["--set", "talos.auth=none", "--wait", "--timeout", "60s"],
      ]);
      await pulled(namespace);
      console.log(`release: Helm ${helm} installed oci://${charts}/${NAME} ${VERSION}`);
    }
  });

  await test.step("kubectl applies each of the release's manifests", async () => {
    await loadTalosCrd(controlPlane);
    for (const mode of MODES) {
      const manifests = await Deno.readTextFile(
        `${clone.path}/dist/release/files/manifests-${mode}.yaml`,
      );
      const { stdout } = await controlPlane.apply(manifests);
      const applied = stdout.trim().split("\n").length;
      assert.equal(applied, parseObjects(manifests).length, mode);
      await pulled("qemu-guest-agent");
      console.log(`release: kubectl applied the ${applied} objects of manifests-${mode}.yaml`);
    }
  });
});
