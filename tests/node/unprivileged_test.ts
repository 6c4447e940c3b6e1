import assert from "node:assert/strict";
import { documentedValues } from "../harness/documented_values.ts";
import { checkAll } from "../harness/kubernetes/check_all.ts";
import { ConnectProxy } from "../harness/kubernetes/connect_proxy.ts";
import { ControlPlane, findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { PROJECT } from "../harness/project.ts";
import { until } from "../harness/until.ts";
import { shutDownByAgent } from "./guest_shutdown.ts";
import { buildAgentImage, buildDevicePluginImage, buildPauseImage } from "./images.ts";
import { InstalledAgent } from "../harness/kubernetes/installed_agent.ts";
import { KubernetesNode, NODE_NAME } from "./kubernetes_node.ts";

const NAMESPACE = "qemu-guest-agent";
const SECRET = "talosconfig";
const VERSION: string = JSON.parse(await Deno.readTextFile("deno.json")).version;
const IMAGE = `localhost/qemu-guest-agent-talos:${VERSION}`;
const DATA = "/var/mnt/data";
const PAGE = "docs/unprivileged.md";
const RESOURCE = "squat.ai/qemu-guest-agent";
/** In /proc/PID/status: CAP_SYS_ADMIN, CAP_SYS_TIME, CAP_SYS_PTRACE and CAP_DAC_OVERRIDE. */
const CAPABILITIES = (1n << 21n | 1n << 25n | 1n << 19n | 1n << 1n).toString(16).padStart(16, "0");

Deno.test("a pod that is not privileged, by a device plugin", async (test) => {
  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "node-images-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  const plugin = await buildDevicePluginImage(directory);
  const archives = [
    await buildPauseImage(directory),
    await buildAgentImage(IMAGE),
    plugin.archive,
  ];
  const proxy = resources.use(new ConnectProxy(`${directory}/kubelets.sock`));
  const controlPlane = resources.use(await ControlPlane.start({ kubeletProxy: proxy.path }));
  const node = resources.use(await KubernetesNode.boot(controlPlane, archives, proxy));
  const { guest } = node;
  const agent = new InstalledAgent(controlPlane, node.guest, NAMESPACE);
  const kubectl = async (...args: string[]) => (await controlPlane.kubectl(args)).stdout;
  const helm = async (...args: string[]) => (await controlPlane.helm(4, args)).stdout;
  const kubectlDirectory = (await findControlPlaneProgram("kubectl")).replace(/\/[^/]*$/, "");
  const check = async () => await checkAll(controlPlane, kubectlDirectory, ["-n", NAMESPACE]);
  const ask = async (command: string, args?: Record<string, unknown>): Promise<unknown> => {
    await using client = await guest.agent();
    await client.sync({ timeoutMs: 120_000 });
    return await client.execute(command, args, { timeoutMs: 60_000 });
  };
  const values = `${directory}/unprivileged-values.yaml`;
  const documented = (await documentedValues()).find(({ page }) => page === PAGE);
  await Deno.writeTextFile(values, documented?.text ?? "");

  await test.step("without the device the port is closed, and the check says what opens it", async () => {
    await kubectl("create", "namespace", NAMESPACE);
    await kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=privileged");
    const talosconfig = await node.startApid();
    await controlPlane.apply(JSON.stringify({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: SECRET, namespace: NAMESPACE },
      stringData: { config: await talosconfig("operator") },
    }));
    const notes = await helm(
      ...["install", "agent", "chart", "--namespace", NAMESPACE],
      ...["--set", "talos.auth=secret", "--set", `talos.existingSecret=${SECRET}`],
      ...["--set", "securityContext.privileged=false"],
      ...["--set-json", 'commands.enable=["guest-set-time"]'],
    );
    assert.match(notes, /^WARNING: securityContext.privileged is false/m);
    const { code, stdout } = await until("the agent says why it has no port", async () => {
      const result = await check();
      return / ✗ http$/m.test(result.stdout) ? result : undefined;
    }, 240_000);
    assert.equal(code, 1);
    const line = /^ {2}failed +port +.*Operation not permitted\n +-> .*, or let a device plugin/m;
    assert.match(stdout, line);
  });

  await test.step("the documented plugin makes a resource of the port", async () => {
    // As udev's rule does on Talos.
    await guest.run(
      "mkdir /dev/virtio-ports; cd /sys/class/virtio-ports; " +
        'for port in *; do ln -s "../$port" "/dev/virtio-ports/$(cat $port/name)"; done',
    );
    const page = await Deno.readTextFile(`${PROJECT}/${PAGE}`);
    const manifest = /^```yaml\n(# device-plugin\.yaml\n.*?)^```$/ms.exec(page)?.[1] ?? "";
    const own = manifest.replace(/image: \S+$/m, `image: ${plugin.image}`)
      // This node has no pod network.
      .replace(/^( +)priorityClassName:/m, "$1hostNetwork: true\n$&");
    await controlPlane.apply(own);
    await until("kubelet has two of them", async () => {
      const path = `{.status.allocatable.${RESOURCE.replaceAll(".", "\\.")}}`;
      const count = await kubectl("get", "node", NODE_NAME, `--output=jsonpath=${path}`);
      return count === "2" || undefined;
    }, 240_000);
  });

  const ready = await test.step("with the documented values the pod gets Ready", async () => {
    const before = await agent.pod();
    const notes = await helm(
      ...["upgrade", "agent", "chart", "--namespace", NAMESPACE, "--reuse-values"],
      ...["--values", values, "--wait", "--timeout", "4m"],
    );
    assert.doesNotMatch(notes, /privileged is false/);
    await agent.until("the new pod is Ready", ({ uid, ready }) => ready && uid !== before?.uid);
    const privileged = await kubectl(
      ...["get", "pods", "--namespace", NAMESPACE],
      "--output=jsonpath={.items[*].spec.containers[*].securityContext.privileged}",
    );
    assert.equal(privileged, "false");
    const { pid } = await agent.process("agent");
    const { stdout } = await guest.run(`grep -E "^(CapEff|Seccomp):" /proc/${pid}/status`);
    assert.equal(stdout, `CapEff:\t${CAPABILITIES}\nSeccomp:\t2\n`);
  });
  // Everything else needs it.
  if (!ready) return;

  await test.step("scripts/check-all finds nothing wrong", async () => {
    const { code, stdout } = await check();
    console.log(`on the node\n${stdout}-`);
    assert.equal(code, 0, stdout);
    // What is not handed over stays closed.
    assert.match(stdout, / ✓ not compared /);
  });

  await test.step("the hypervisor sees addresses, file systems and disks", async () => {
    assert.deepEqual(await ask("guest-ping"), {});
    assert.deepEqual(await ask("guest-get-host-name"), { "host-name": NODE_NAME });
    assert.match(JSON.stringify(await ask("guest-network-get-interfaces")), /"10\.0\.2\.15"/);
    const fileSystems = await ask("guest-get-fsinfo") as { readonly mountpoint: string }[];
    assert.deepEqual(fileSystems.map(({ mountpoint }) => mountpoint).sort(), ["/", DATA]);
    const disks = await ask("guest-get-disks") as { readonly name: string }[];
    assert.deepEqual(disks.map(({ name }) => name).sort(), ["/dev/vda", "/dev/vdb"]);
  });

  await test.step("file systems freeze, thaw and are trimmed", async () => {
    assert.equal(await ask("guest-fsfreeze-freeze-list", { mountpoints: [DATA] }), 1);
    await guest.run(
      `(echo x >${DATA}/file && sync ${DATA}/file && touch /run/written) >/dev/null 2>&1 &`,
    );
    assert.notEqual((await guest.run("usleep 2000000; test -e /run/written")).status, 0);
    assert.equal(await ask("guest-fsfreeze-thaw"), 1);
    await until("the write is done", async () => {
      return (await guest.run("test -e /run/written")).status === 0 || undefined;
    });
    // Kubelet's disk, too.
    assert.equal(await ask("guest-fsfreeze-freeze"), 2);
    assert.equal(await ask("guest-fsfreeze-thaw"), 2);
    const { paths } = await ask("guest-fstrim") as { paths: Record<string, unknown>[] };
    assert.deepEqual(paths.map(({ path }) => path).sort(), ["/", DATA]);
    for (const path of paths) assert.equal(path["error"], undefined);
  });

  await test.step("a processor goes and comes back", async () => {
    for (const online of [false, true]) {
      const vcpus = [{ "logical-id": 1, online }];
      assert.equal(await ask("guest-set-vcpus", { vcpus }), 1);
      const { stdout } = await guest.run("cat /sys/devices/system/cpu/cpu1/online");
      assert.equal(stdout.trim(), online ? "1" : "0");
    }
  });

  await test.step("the system clock can be set, the hardware clock cannot", async () => {
    await assert.rejects(ask("guest-set-time"), /hardware clock.*Operation not permitted/);
    const time = BigInt(Date.now() + 3_600_000) * 1_000_000n;
    await assert.rejects(
      ask("guest-set-time", { time }),
      /system time has been set, but failed.*Operation not permitted/,
    );
    const { stdout } = await guest.run("date +%s");
    assert.ok(Number(stdout) > Date.now() / 1000 + 1800, stdout);
    await guest.run(`date -s @${Math.floor(Date.now() / 1000)}`);
  });

  await test.step("helm test gets the second device, beside the agent", async () => {
    console.log(await helm("test", "agent", "--namespace", NAMESPACE, "--timeout", "4m"));
  });

  await test.step("guest-shutdown goes through Talos' apid", async () => {
    const event = await shutDownByAgent(guest);
    assert.deepEqual(event.data, { guest: true, reason: "guest-shutdown" });
  });
});
