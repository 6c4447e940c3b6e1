import assert from "node:assert/strict";
import { ConnectProxy } from "../harness/kubernetes/connect_proxy.ts";
import { checkAll } from "../harness/kubernetes/check_all.ts";
import { ControlPlane, findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { until } from "../harness/until.ts";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { shutDownByAgent } from "./guest_shutdown.ts";
import { buildAgentImage, buildPauseImage } from "./images.ts";
import { InstalledAgent } from "../harness/kubernetes/installed_agent.ts";
import { killWhileFrozen } from "../harness/kubernetes/kill_while_frozen.ts";
import { KubernetesNode, NODE_ADDRESS, NODE_NAME, type TalosRole } from "./kubernetes_node.ts";

const NAMESPACE = "qemu-guest-agent";
const SECRET = "talosconfig";
const VERSION: string = JSON.parse(await Deno.readTextFile("deno.json")).version;
const IMAGE = `localhost/qemu-guest-agent-talos:${VERSION}`;
const DATA = "/var/mnt/data";
const MIB = 1024 * 1024;
const SLOW = { timeoutMs: 60_000 };

interface FileSystem {
  readonly mountpoint: string;
  readonly type: string;
  readonly disk: readonly { readonly dev?: string }[];
}

interface Interface {
  readonly name: string;
  readonly "ip-addresses"?: readonly { readonly "ip-address": string }[];
}

/** What was measured; printed at the end. */
const figures: [what: string, figure: string][] = [];

function seconds(from: number, to: number): string {
  return `${((to - from) / 1000).toFixed(1)} s`;
}

Deno.test("the chart on a real node", async (test) => {
  await using resources = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "node-images-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  const started = performance.now();
  const archives = [await buildPauseImage(directory), await buildAgentImage(IMAGE)];
  const built = performance.now();
  figures.push(["images built", seconds(started, built)]);
  const proxy = resources.use(new ConnectProxy(`${directory}/kubelets.sock`));
  const controlPlane = resources.use(await ControlPlane.start({ kubeletProxy: proxy.path }));
  const node = resources.use(await KubernetesNode.boot(controlPlane, archives, proxy));
  const { guest } = node;
  figures.push(["control plane and node Ready", seconds(built, performance.now())]);
  const agent = new InstalledAgent(controlPlane, node.guest, NAMESPACE);
  const kubectl = async (...args: string[]) => (await controlPlane.kubectl(args)).stdout;
  const helm = async (...args: string[]) => (await controlPlane.helm(4, args)).stdout;

  const apiServerSeenFromNode = [
    { name: "KUBERNETES_SERVICE_HOST", value: "10.0.2.2" },
    { name: "KUBERNETES_SERVICE_PORT", value: String(controlPlane.port) },
  ];

  /** What a hypervisor does for a question: connects, synchronises, asks, leaves. */
  const ask = async (command: string, args?: Record<string, unknown>): Promise<unknown> => {
    await using client = await guest.agent();
    await client.sync({ timeoutMs: 120_000 });
    return await client.execute(command, args, { timeoutMs: 60_000 });
  };
  const useCredentials = async (talosconfig: (role: TalosRole) => Promise<string>) => {
    await controlPlane.apply(JSON.stringify({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: SECRET, namespace: NAMESPACE },
      stringData: { config: await talosconfig("operator") },
    }));
  };

  const installed = await test.step("helm install, and the pod gets Ready", async () => {
    await kubectl("create", "namespace", NAMESPACE);
    await kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=privileged");
    await useCredentials(await node.startApid());
    // The hypervisor asks before there is an agent: the question waits on the port.
    await using client = await guest.agent();
    const begin = performance.now();
    const answered = client.sync({ timeoutMs: 240_000 }).then(() => performance.now());
    const notes = await helm(
      ...["install", "agent", "chart", "--namespace", NAMESPACE],
      ...["--set", "talos.auth=secret", "--set", `talos.existingSecret=${SECRET}`],
      ...["--wait", "--timeout", "4m"],
    );
    const ready = performance.now();
    console.log(notes);
    assert.doesNotMatch(notes, /WARNING/);
    const { stdout } = await controlPlane.kubectl([
      ...["get", "pods", "--namespace", NAMESPACE],
      "--output=jsonpath={.items[0].status.containerStatuses[?(@.name=='agent')].state.running.startedAt}",
    ]);
    const containerStarted = Date.parse(stdout) - (Date.now() - performance.now());
    const first = await answered;
    figures.push(["helm install to Ready", seconds(begin, ready)]);
    figures.push(["  helm install to container started", seconds(begin, containerStarted)]);
    figures.push([
      "  container started to first answer on the port",
      seconds(containerStarted, first),
    ]);
    figures.push(["  first answer to Ready (kubelet's probes)", seconds(first, ready)]);
    await agent.until("the pod is Ready", ({ ready }) => ready);
  });
  // Everything else needs it.
  if (!installed) return;

  await test.step("the hypervisor sees the node's host name, system and addresses", async () => {
    assert.deepEqual(await ask("guest-get-host-name"), { "host-name": NODE_NAME });
    const os = await ask("guest-get-osinfo") as Record<string, unknown>;
    assert.equal(os["pretty-name"], "Talos (v1.13.0)");
    const interfaces = await ask("guest-network-get-interfaces") as Interface[];
    const addresses = interfaces.find(({ name }) => name === "eth0")?.["ip-addresses"] ?? [];
    assert.ok(addresses.some((address) => address["ip-address"] === NODE_ADDRESS));
  });

  await test.step("the hypervisor sees the node's file systems, and none of the pod's", async () => {
    const fileSystems = await ask("guest-get-fsinfo") as FileSystem[];
    const seen = fileSystems.map(({ mountpoint, type, disk }) => [mountpoint, type, disk[0]?.dev]);
    assert.deepEqual(seen.sort(), [["/", "ext4", "/dev/vda"], [DATA, "xfs", "/dev/vdb"]]);
  });

  await test.step("at rest both containers are small", async () => {
    // Threads of the start end after 10 s.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    const [idle, guard] = [await agent.memory(), await agent.memory("guard")];
    figures.push(["container at rest", describe(idle)]);
    figures.push(["guard's container at rest", describe(guard)]);
    assert.ok(idle.current <= 30 * MIB, describe(idle));
    assert.ok(guard.current <= 20 * MIB, describe(guard));
  });

  await test.step("1,000 commands, and metrics, within the memory limit", async () => {
    await using client = await guest.agent();
    await client.sync();
    await thousandCommands(client);
    const scrape =
      `for i in $(seq 100); do wget -q -O /run/metrics http://${NODE_ADDRESS}:9777/metrics; done`;
    const { status } = await guest.run(scrape, { timeoutMs: 120_000 });
    assert.equal(status, 0);
    const metrics = (await guest.run("cat /run/metrics")).stdout;
    assert.match(metrics, /^qga_requests_total\{.*guest-get-fsinfo.*\} 1\d\d$/m);
    const memory = await agent.memory();
    figures.push(["container after 1,000 commands, 100 scrapes", describe(memory)]);
    assert.equal(memory.kills, 0);
    assert.ok(memory.current <= 48 * MIB, describe(memory));
  });

  await test.step("requests of 4 and 20 MiB, the latter over the limit, within the memory limit", async () => {
    await using client = await guest.agent();
    await client.sync();
    for (const mebibytes of [4, 20]) {
      const request = client.execute("guest-ping", { x: "a".repeat(mebibytes * MIB) }, SLOW);
      await assert.rejects(request, mebibytes === 4 ? /'x'/ : /token size .*memory is limited/);
      assert.deepEqual(await client.execute("guest-ping", undefined, SLOW), {});
    }
    const memory = await agent.memory();
    figures.push(["container after requests of 4 and 20 MiB", describe(memory)]);
    assert.equal(memory.kills, 0);
    assert.ok(memory.current <= 48 * MIB, describe(memory));
  });

  // What writes to a frozen file system cannot be killed: it is looked at from outside.
  let writers = 0;
  const startWriting = async (): Promise<() => Promise<boolean>> => {
    const done = `/run/written-${++writers}`;
    await guest.run(
      `(echo x >${DATA}/file && sync ${DATA}/file && touch ${done}) >/dev/null 2>&1 &`,
    );
    return async () => (await guest.run(`test -e ${done}`)).status === 0;
  };

  await test.step("a freeze stops writes to the user volume, a thaw lets them go on", async () => {
    assert.equal(await ask("guest-fsfreeze-freeze-list", { mountpoints: [DATA] }), 1);
    assert.equal(await ask("guest-fsfreeze-status"), "frozen");
    const written = await startWriting();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.equal(await written(), false);
    assert.equal(await ask("guest-fsfreeze-thaw"), 1);
    await until("the write is done", async () => await written() || undefined);
  });

  await test.step("the pod lives through a freeze of everything, kubelet's disk too", async () => {
    const before = await agent.pod();
    assert.equal(await ask("guest-fsfreeze-freeze"), 2);
    // Longer than a period of each probe.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    const memory = await agent.memory();
    figures.push(["container while frozen", describe(memory)]);
    assert.equal(memory.kills, 0);
    const guard = await agent.memory("guard");
    figures.push(["guard's container while frozen", describe(guard)]);
    assert.ok(guard.current <= 20 * MIB, describe(guard));
    assert.equal(await ask("guest-fsfreeze-thaw"), 2);
    const after = await agent.until("the pod is Ready", ({ ready }) => ready);
    assert.deepEqual(after, before);
  });

  await test.step("helm test asks the agent's own check", async () => {
    console.log(await helm("test", "agent", "--namespace", NAMESPACE, "--timeout", "3m"));
  });

  const kubectlDirectory = (await findControlPlaneProgram("kubectl")).replace(/\/[^/]*$/, "");
  const checkEveryNode = async () =>
    await checkAll(controlPlane, kubectlDirectory, ["--namespace", NAMESPACE]);

  await test.step("scripts/check-all has the node in its table", async () => {
    const { code, stdout, stderr } = await checkEveryNode();
    figures.push(["scripts/check-all", `status ${code}\n${stdout.trim()}`]);
    assert.equal(stderr, "");
    assert.equal(code, 0, stdout);
    const cells = stdout.trim().split("\n").at(-1)?.split(/ {2,}/) ?? [];
    assert.equal(cells[0], NODE_NAME);
    assert.match(cells[1] ?? "", /^✓ vport\d+p\d+$/);
    assert.equal(cells[2], `✓ ${DATA}, /`);
    assert.match(cells[3] ?? "", /^✓ for 23 h \d+ min, os:operator$/);
    assert.equal(cells[4], "✓ v1.13.0");
    assert.match(cells[5] ?? "", /^✓ \d+ s off$/);
    assert.match(cells[6] ?? "", /^✓ \d+ more$/);
  });

  await test.step("a deleted pod's successor has the port", async () => {
    const before = await agent.pod();
    const begin = performance.now();
    await kubectl("delete", "pod", before?.name ?? "", "--namespace", NAMESPACE, "--wait=false");
    await agent.until("another pod is Ready", ({ uid, ready }) => ready && uid !== before?.uid);
    figures.push(["pod deleted to the next one Ready", seconds(begin, performance.now())]);
    assert.deepEqual(await ask("guest-ping"), {});
  });

  await test.step("an upgrade of the chart rolls the pod over", async () => {
    const before = await agent.pod();
    await helm(
      ...["upgrade", "agent", "chart", "--namespace", NAMESPACE, "--reuse-values"],
      ...["--set", "log.level=debug", "--set", "events.enabled=true"],
      // The node has nobody who routes service addresses.
      ...["--set-json", `extraEnv=${JSON.stringify(apiServerSeenFromNode)}`],
      ...["--wait", "--timeout", "4m"],
    );
    await agent.until("the new pod is Ready", ({ uid, ready }) => ready && uid !== before?.uid);
    assert.deepEqual(await ask("guest-ping"), {});
    assert.match(await agent.log(), /"level":"debug"/);
  });

  await killWhileFrozen({
    names: [
      "kill -9 of the agent",
      "the agent out of memory",
      "the pod deleted",
      "kill -9 of the guard, then of the agent",
      "the agent stopped past its deadline",
      "the chart upgraded",
    ],
    ...{ test, agent, guest, fileSystems: 2, freezesEtcd: false },
    ...{ ask, helm, kubectl, namespace: NAMESPACE, figures },
  });

  await test.step("without the port the pod is not Ready, and the log says why", async () => {
    await guest.unplugPort();
    await agent.until("the pod is not Ready", ({ ready }) => !ready);
    assert.match(await agent.log(), /virtio-serial port org\.qemu\.guest_agent\.0 not found/);
    const readiness = await guest.run(`wget -q -O - http://${NODE_ADDRESS}:9777/readyz 2>&1; true`);
    assert.match(readiness.stdout, /503/);
    const described = await until("kubectl describe shows the failing probe", async () => {
      const text = await kubectl("describe", "pods", "--namespace", NAMESPACE);
      return /Readiness probe failed/.test(text) ? text : undefined;
    });
    console.log(described);
    const { code, stdout } = await checkEveryNode();
    figures.push(["scripts/check-all without port", `status ${code}\n${stdout.trim()}`]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^talos-node +✗ none .* ✗ http$/m);
    assert.match(stdout, /^ {2}failed +port +there is no virtio-serial port .*\n +-> switch on/m);
    const events = await until("an Event on the node says so", async () => {
      const text = await kubectl("get", "events.events.k8s.io", "--namespace", "default");
      return /PortAbsent/.test(text) ? text : undefined;
    });
    console.log(events);
    await guest.plugPort();
    await agent.until("the pod is Ready again", ({ ready }) => ready);
    assert.deepEqual(await ask("guest-ping"), {});
  });

  await test.step("guest-shutdown goes through Talos' apid, with renewed credentials", async () => {
    const before = await agent.pod();
    const talosconfig = await node.startApid();
    await useCredentials(talosconfig);
    const wanted = (await talosconfig("operator")).trim();
    await until("kubelet has renewed the mounted Secret", async () => {
      const { stdout } = await guest.run(
        "cat /var/lib/kubelet/pods/*/volumes/kubernetes.io~secret/talos-secrets/config",
      );
      return stdout.trim() === wanted || undefined;
    });
    assert.deepEqual(await agent.pod(), before);
    const begin = performance.now();
    const event = await shutDownByAgent(guest);
    figures.push(["guest-shutdown to QMP SHUTDOWN", seconds(begin, performance.now())]);
    assert.deepEqual(event.data, { guest: true, reason: "guest-shutdown" });
    assert.equal((await guest.exited).code, 0);
    const recorded = /^\{.*"method":"Shutdown".*\}/m.exec(await guest.consoleLog())?.[0];
    console.log(recorded, JSON.stringify(event.data));
    assert.match(recorded ?? "", /"method":"Shutdown"/);
  });

  const width = Math.max(...figures.map(([what]) => what.length));
  const table = figures.map(([what, figure]) => `${what.padEnd(width)}  ${figure}`);
  console.log(`on the node\n${table.join("\n")}\n-`);
});

/** Every command that reads, in turn, until there were a thousand. */
async function thousandCommands(client: GuestAgentClient): Promise<void> {
  const commands = [
    "guest-ping",
    "guest-info",
    "guest-get-time",
    "guest-get-host-name",
    "guest-get-osinfo",
    "guest-network-get-interfaces",
    "guest-get-fsinfo",
    "guest-get-vcpus",
    "guest-get-disks",
    "guest-fsfreeze-status",
  ];
  for (let count = 0; count < 100; count++) {
    for (const command of commands) await client.execute(command, undefined, { timeoutMs: 30_000 });
  }
}

function describe({ current, peak, anonymous }: {
  readonly current: number;
  readonly peak: number;
  readonly anonymous: number;
}): string {
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  return `${mib(current)} MiB (anonymous ${mib(anonymous)}, peak ${mib(peak)})`;
}
