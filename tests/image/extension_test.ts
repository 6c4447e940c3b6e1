import assert from "node:assert/strict";
import { parse } from "yaml";
import { run } from "../harness/command.ts";
import { Podman } from "../harness/podman.ts";

const NAME = "localhost/qemu-guest-agent-talos-extension:extension-test";
const VERSION: string = JSON.parse(await Deno.readTextFile("deno.json")).version;
const AGENT = "rootfs/usr/local/lib/qemu-guest-agent-talos";
const CONTAINERS = "rootfs/usr/local/lib/containers";
const SERVICES = ["qemu-guest-agent-talos", "qemu-guest-agent-talos-guard"];
const SOCKET = "/system/run/machined/machine.sock";

/** A service file of Talos, as far as it is looked at here. */
interface Service {
  readonly name: string;
  readonly container: {
    readonly args: readonly string[];
    readonly mounts: readonly {
      readonly source: string;
      readonly destination: string;
      readonly type: string;
      readonly options: readonly string[];
    }[];
  };
  readonly depends: readonly Readonly<Record<string, unknown>>[];
  readonly restart: string;
}

/** The digest of what scripts/extension has written to dist/. */
async function archiveDigest(arch: string): Promise<string> {
  const index = JSON.parse(await run("tar", "-xOf", `dist/extension-${arch}.tar`, "index.json"));
  return index.manifests[0].digest;
}

/** Builds the extension, and unpacks its image as Talos' imager does. */
async function unpack(podman: Podman, arch: string, name: string, tree: string): Promise<void> {
  await run("scripts/extension", "--arch", arch, "--name", name);
  const container = (await podman.run("create", `--arch=${arch}`, name, "none")).trim();
  try {
    await podman.run("export", "--output", `${tree}.tar`, container);
  } finally {
    await podman.run("rm", container);
  }
  await Deno.mkdir(tree);
  await run("tar", "-C", tree, "-xf", `${tree}.tar`, "manifest.yaml", "rootfs");
}

/** Runs the entrypoint of a service in its root, with the agent's files where Talos mounts them. */
async function runService(tree: string, service: string, ...args: string[]): Promise<string> {
  const script =
    'mkdir -p "$2/proc" && mount --bind /proc "$2/proc" && mount --bind "$1" "$2/agent" && ' +
    'exec chroot "$2" ./agent/qemu-ga-talos "${@:3}"';
  const places = [`${tree}/${AGENT}`, `${tree}/${CONTAINERS}/${service}`];
  return await run("unshare", "--mount", "bash", "-c", script, "bash", ...places, ...args);
}

Deno.test("the extension", async (test) => {
  await using podman = await Podman.create();
  await using scratch = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "extension-" });
  scratch.defer(() => Deno.remove(directory, { recursive: true }));
  scratch.defer(async () => void await podman.run("image", "rm", "--force", NAME));
  const tree = `${directory}/tree`;
  await unpack(podman, "amd64", NAME, tree);

  await test.step("has what Talos' imager takes, and nothing else", async () => {
    // Of hard links the imager makes empty files.
    const found = (await run("find", tree, "-mindepth", "1", "-printf", "%y %m %n %P\n")).trim();
    for (const line of found.split("\n")) {
      const [type = "", mode = "", links, path = ""] = line.split(" ");
      assert.match(type, /^[dfl]$/, path);
      if (type !== "l") assert.equal(parseInt(mode, 8) & 0o022, 0, `${path} has mode ${mode}`);
      if (type === "f") assert.equal(links, "1", `${path} is a hard link`);
      assert.match(path, /^(manifest\.yaml|rootfs(\/usr(\/local(\/.*)?)?)?)$/);
    }
    assert.deepEqual(
      parse(await Deno.readTextFile(`${tree}/manifest.yaml`)).metadata.name,
      SERVICES[0],
    );
    const { version, metadata } = parse(await Deno.readTextFile(`${tree}/manifest.yaml`));
    assert.deepEqual([version, metadata.version], ["v1alpha1", VERSION]);
    assert.equal(metadata.compatibility.talos.version, ">= v1.7.0");
  });

  for (const name of SERVICES) {
    await test.step(`${name} waits for machined alone, and is always started again`, async () => {
      const file = `${tree}/rootfs/usr/local/etc/containers/${name}.yaml`;
      const service: Service = parse(await Deno.readTextFile(file));
      assert.equal(service.name, name);
      assert.deepEqual(service.depends, [{ path: SOCKET }]);
      assert.equal(service.restart, "always");
      for (const { source, destination, type, options } of service.container.mounts) {
        assert.equal(type, "bind");
        // Without it nothing that the host mounts later would be seen.
        const isTree = destination.startsWith("/host/");
        assert.equal(options.includes("rslave"), isTree, destination);
        assert.ok(options.includes(source.startsWith("/run/") || source === "/sys" ? "rw" : "ro"));
      }
    });

    await test.step(`${name} runs on its libraries, in its root`, async () => {
      const version = await runService(tree, name, "version");
      assert.ok(version.startsWith(`QEMU Guest Agent ${VERSION} (qemu-ga-talos;`), version);
    });
  }

  await test.step("the agent takes its options: machined's socket, and no HTTP", async () => {
    const file = `${tree}/rootfs/usr/local/etc/containers/${SERVICES[0]}.yaml`;
    const { container }: Service = parse(await Deno.readTextFile(file));
    const dumped = await runService(tree, SERVICES[0] ?? "", ...container.args, "--dump-conf");
    for (const line of [`talos-socket=${SOCKET}`, "listen-address=none"]) {
      assert.ok(dumped.split("\n").includes(line), `no ${line} in ${dumped}`);
    }
  });

  await test.step("Talos finds the list of its software", async () => {
    const path = `${tree}/rootfs/usr/local/share/spdx/qemu-guest-agent-talos.spdx.json`;
    const list = await Deno.readTextFile(path);
    assert.equal(list, await Deno.readTextFile("dist/extension-amd64.spdx.json"));
    assert.ok(JSON.parse(list).packages.some(({ name }: { name: string }) => name === "deno"));
  });

  await test.step("is as small as it must be", async () => {
    const { size } = await Deno.stat("dist/extension-amd64.tar");
    console.log(`extension: ${size} bytes compressed`);
    assert.ok(size <= 48e6, `the extension has ${size} bytes`);
  });

  await test.step("is the same when it is built again", async () => {
    const first = await archiveDigest("amd64");
    await run("scripts/extension", "--name", NAME);
    assert.equal(await archiveDigest("amd64"), first);
  });
});

Deno.test("the extension for arm64 has an executable that runs on its libraries", async () => {
  await using podman = await Podman.create();
  await using scratch = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "extension-arm64-" });
  scratch.defer(() => Deno.remove(directory, { recursive: true }));
  const name = `${NAME}-arm64`;
  scratch.defer(async () => void await podman.run("image", "rm", "--force", name));
  await unpack(podman, "arm64", name, `${directory}/tree`);
  const agent = `${directory}/tree/${AGENT}`;
  const version = await run(
    "qemu-aarch64-static",
    "-L",
    agent,
    `${agent}/qemu-ga-talos`,
    "version",
  );
  assert.ok(version.startsWith(`QEMU Guest Agent ${VERSION} (qemu-ga-talos;`), version);
});
