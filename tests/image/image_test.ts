import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { until } from "../harness/until.ts";
import { Podman } from "../harness/podman.ts";

const NAME = "localhost/qemu-guest-agent-talos:image-test";
const ARM64_NAME = `${NAME}-arm64`;
const VERSION: string = JSON.parse(await Deno.readTextFile("deno.json")).version;
/** How the output of `qemu-ga-talos version` begins. */
const VERSION_LINE = `QEMU Guest Agent ${VERSION} (qemu-ga-talos;`;

/** What the image has besides the licences. */
const FILES = [
  "etc/group",
  "etc/nsswitch.conf",
  "etc/passwd",
  "etc/ssl/certs/ca-certificates.crt",
  "lib/libc.so.6",
  "lib/libdl.so.2",
  "lib/libgcc_s.so.1",
  "lib/libm.so.6",
  "lib/libpthread.so.0",
  "lib/librt.so.1",
  "lib64/ld-linux-x86-64.so.2",
  "qemu-ga-talos",
];

/** Everything that a container of the image may do without. */
const RESTRICTIONS = [
  "--read-only",
  "--cap-drop=all",
  "--security-opt=no-new-privileges",
  "--network=none",
];

/** The digest of what scripts/image has written to dist/: of the manifest, hence of everything. */
async function archiveDigest(arch: string): Promise<string> {
  const index = JSON.parse(await run("tar", "-xOf", `dist/image-${arch}.tar`, "index.json"));
  return index.manifests[0].digest;
}

Deno.test("the image", async (test) => {
  await using podman = await Podman.create();
  await using scratch = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "image-" });
  scratch.defer(() => Deno.remove(directory, { recursive: true }));
  const said = await run("scripts/image", "--base", "scratch", "--name", NAME);
  scratch.defer(async () => void await podman.run("image", "rm", "--force", NAME));

  await test.step("comes with what to do next", () => {
    assert.ok(said.includes(`podman push ${NAME} `), said);
    assert.ok(said.includes("podman manifest push --all "), said);
  });

  await test.step("has the executable, what it is linked with, and nothing else", async () => {
    const container = (await podman.run("create", NAME)).trim();
    try {
      await podman.run("export", "--output", `${directory}/image.tar`, container);
    } finally {
      await podman.run("rm", container);
    }
    const listing = (await run("tar", "-tf", `${directory}/image.tar`)).trim().split("\n");
    // Podman makes these in any container.
    const made =
      /^(dev|proc|sys|run|etc)\/$|^(etc\/(hosts|resolv\.conf|hostname|mtab)|run\/\..*|dev\/.*)$/;
    const files = listing.filter((path) => !path.endsWith("/") && !made.test(path));
    assert.deepEqual(files.filter((path) => !path.startsWith("licences/")).sort(), FILES);
    for (const name of ["qemu-guest-agent-talos/LICENSE", "deno/LICENSE", "libc6/copyright"]) {
      assert.ok(files.includes(`licences/${name}`), `no licence ${name}`);
    }
  });

  await test.step("says what it is", async () => {
    const [{ Config, Architecture, Created }] = JSON.parse(await podman.run("inspect", NAME));
    assert.deepEqual(Config.Entrypoint, ["/qemu-ga-talos"]);
    assert.equal(Config.User, "0:0");
    assert.equal(Architecture, "amd64");
    const label = (name: string) => Config.Labels[`org.opencontainers.image.${name}`];
    assert.equal(label("title"), "qemu-guest-agent-talos");
    assert.equal(label("version"), VERSION);
    assert.equal(label("licenses"), "BSD-3-Clause");
    assert.equal(Date.parse(label("created")), Date.parse(Created));
  });

  await test.step("is as small as it must be", async () => {
    const compressed = (await Deno.stat("dist/image-amd64.tar")).size;
    const executable = (await Deno.stat("dist/qemu-ga-talos")).size;
    console.log(`image: ${compressed} bytes compressed, executable ${executable} bytes`);
    assert.ok(compressed <= 48e6, `the image has ${compressed} bytes`);
    assert.ok(executable <= 97e6, `the executable has ${executable} bytes`);
  });

  await test.step("is the same when it is built again", async () => {
    const first = await archiveDigest("amd64");
    await run("scripts/image", "--base", "scratch", "--name", NAME);
    assert.equal(await archiveDigest("amd64"), first);
  });

  await test.step("comes with a list of its software", async () => {
    const list = JSON.parse(await Deno.readTextFile("dist/image-amd64.spdx.json"));
    assert.equal(list.spdxVersion, "SPDX-2.3");
    const lock = JSON.parse(await Deno.readTextFile("deno.lock"));
    const names = new Set<string>();
    for (const { name, versionInfo, checksums, externalRefs } of list.packages) {
      names.add(name);
      if (externalRefs === undefined) continue;
      const { integrity } = lock.npm[`${name}@${versionInfo}`];
      const sum = Uint8Array.fromHex(checksums[0].checksumValue).toBase64();
      assert.equal(`sha512-${sum}`, integrity);
    }
    for (const name of ["qemu-guest-agent-talos", "deno", "yaml", "@bufbuild/protobuf"]) {
      assert.ok(names.has(name), `${name} is not in the list`);
    }
    const related = list.relationships.map((each: Record<string, string>) =>
      each["relatedSpdxElement"]
    );
    const ids = list.packages.map((each: Record<string, string>) => each["SPDXID"]);
    assert.deepEqual(related.sort(), ids.sort());
  });

  await test.step("runs without capabilities, with a read-only root", async () => {
    const version = await podman.run("run", "--rm", ...RESTRICTIONS, NAME, "version");
    assert.ok(version.startsWith(VERSION_LINE), version);
  });

  await test.step("has no shell", async () => {
    const shell = podman.run(
      "run",
      "--rm",
      ...RESTRICTIONS,
      "--entrypoint=/bin/sh",
      NAME,
      "-c",
      "",
    );
    await assert.rejects(shell, /no such file or directory/);
  });

  await test.step("serves", async () => {
    const options = ["--method=unix-listen", "--path=/state/agent.sock", "--statedir=/state"];
    const container = (await podman.run(
      ...["run", "--detach", ...RESTRICTIONS, `--volume=${directory}:/state`, NAME],
      ...options,
    )).trim();
    try {
      const call = (command: string) =>
        podman.run(
          "exec",
          container,
          "/qemu-ga-talos",
          "call",
          "--path=/state/agent.sock",
          command,
        );
      await until("the agent answers", () => call("guest-ping").catch(() => undefined));
      assert.equal(JSON.parse(await call("guest-info")).version, VERSION);
      await podman.run("stop", "--time=20", container);
      const [{ State }] = JSON.parse(await podman.run("inspect", container));
      assert.equal(State.ExitCode, 0);
    } finally {
      await podman.run("rm", "--force", container);
    }
  });

  await test.step("can be built on an image that has the libraries", async () => {
    const base = `${NAME}-base`;
    const built = `${NAME}-on-base`;
    await Deno.writeTextFile(`${directory}/Containerfile`, `FROM ${NAME}\n`);
    await podman.run("build", "--quiet", "--tag", base, directory);
    try {
      await run("scripts/image", "--base", base, "--name", built);
      const version = await podman.run("run", "--rm", ...RESTRICTIONS, built, "version");
      assert.ok(version.startsWith(VERSION_LINE), version);
    } finally {
      await podman.run("image", "rm", "--force", built, base);
    }
  });
});

Deno.test("the Containerfile names the version of deno.json", async () => {
  const text = await Deno.readTextFile("Containerfile");
  assert.equal(/^ARG VERSION=(.*)$/m.exec(text)?.[1], VERSION);
});

Deno.test("the image for arm64 has an executable that runs on its libraries", async () => {
  await using podman = await Podman.create();
  await run("scripts/image", "--arch", "arm64", "--base", "scratch", "--name", ARM64_NAME);
  const tree = await Deno.makeTempDir({ prefix: "image-arm64-" });
  try {
    const [{ Architecture }] = JSON.parse(await podman.run("inspect", ARM64_NAME));
    assert.equal(Architecture, "arm64");
    const container = (await podman.run("create", "--arch=arm64", ARM64_NAME)).trim();
    try {
      await podman.run("export", "--output", `${tree}/image.tar`, container);
    } finally {
      await podman.run("rm", container);
    }
    await run("tar", "-C", tree, "-xf", `${tree}/image.tar`);
    const version = await run(
      "qemu-aarch64-static",
      "-L",
      tree,
      `${tree}/qemu-ga-talos`,
      "version",
    );
    assert.ok(version.startsWith(VERSION_LINE), version);
  } finally {
    await podman.run("image", "rm", "--force", ARM64_NAME);
    await Deno.remove(tree, { recursive: true });
  }
});
