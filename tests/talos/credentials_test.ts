import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { succeeded } from "../harness/command.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { until } from "../harness/until.ts";
import {
  beginToEnd,
  check,
  hurry,
  InstalledNode,
  type Running,
  secondsSince,
  SLOW,
  untilDrained,
} from "./installed_node.ts";
import { NODE_ADDRESS } from "./machine_configuration.ts";
import { AGENT_NAMESPACE } from "./machine_patches.ts";

const SECRET = "mine";
/** In seconds. */
const HOUR = 3600;

/** Changes values of the chart, and waits until the agent runs with them. */
async function upgrade({ cluster, agent }: Running, ...values: string[]): Promise<void> {
  const before = await agent.pod();
  const sets = values.flatMap((value) => ["--set", value]);
  await cluster.helm(
    ...["upgrade", "agent", "chart", "--namespace", AGENT_NAMESPACE, "--reuse-values", ...sets],
  );
  await agent.until(
    "the new pod is Ready",
    ({ uid, ready }) => ready && uid !== before?.uid,
    300_000,
  );
}

/** When the credentials end that the agent has read last, in seconds since the epoch. */
async function expiry({ machine }: Running): Promise<number> {
  const url = `http://${NODE_ADDRESS}:9777/metrics`;
  const { stdout } = await machine.run(`wget -q -O - ${url}`, { timeoutMs: 60_000 });
  const name = "qga_talos_credentials_expiry_timestamp_seconds";
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(stdout)?.[1]);
}

/** Sets the machine's clock forward, as when a virtual machine continues that was paused. */
async function letTimePass({ machine }: Running, seconds: number): Promise<number> {
  const { stdout } = await machine.run(`date -s @$(($(date +%s) + ${seconds})) >&2; date +%s`);
  return Number(stdout);
}

Deno.test("how the agent gets its credentials on Talos", async (test) => {
  await using installed = await InstalledNode.installed();

  await test.step("none: no power commands, and all else", async () => {
    await using on = await installed.start();
    await upgrade(on, "talos.auth=none");
    await rejects(on.ask("guest-shutdown"), /guest-shutdown has been disabled|set --talosconfig/);
    const fileSystems = await on.ask("guest-get-fsinfo") as { mountpoint: string }[];
    deepEqual(fileSystems.map(({ mountpoint }) => mountpoint).sort(), ["/", "/var"]);
  });

  await test.step("those of a ServiceAccount, which Talos has renewed", async () => {
    await using on = await installed.start();
    const first = await expiry(on);
    // Talos renews them an hour before their end, which is after six.
    const renewing = await letTimePass(on, 5 * HOUR + 600);
    ok(renewing < first);
    const started = performance.now();
    const second = await until(
      "the agent has read the renewed ones",
      async () => {
        await hurry(on);
        const seconds = await expiry(on);
        return seconds > first ? seconds : undefined;
      },
      300_000,
      5_000,
    );
    installed.figures.push(["renewed credentials, read after", secondsSince(started)]);
    ok(second >= renewing + 6 * HOUR - 600 && second <= renewing + 7 * HOUR);
    ok(await letTimePass(on, HOUR) > first);
    await on.agent.until("the pod is Ready", ({ ready }) => ready);
    await beginToEnd(on.machine);
  });

  await test.step("a Secret with a talosconfig by talosctl config new", async () => {
    await using directory = await TemporaryDirectory.create();
    const path = `${directory.path}/talosconfig`;
    await using on = await installed.start();
    const { cluster, machine } = on;
    const ttl = ["--roles", "os:operator", "--crt-ttl", "8760h"];
    succeeded("talosctl config new", await cluster.talosctl("config", "new", ...ttl, path));
    const args = ["create", "secret", "generic", SECRET, `--from-file=config=${path}`];
    await cluster.kubectl([...args, "--namespace", AGENT_NAMESPACE]);
    await upgrade(
      on,
      "talos.auth=secret",
      `talos.existingSecret=${SECRET}`,
      "talos.drainTimeout=none",
    );
    const { stdout: report } = await check(on);
    match(report, /^ok +role +os:operator$/m);
    match(report, /^ok +certificate .* for 364 d/m);
    await beginToEnd(machine);
    // Talos begins anew when it is told to shut down for a second time.
    await using client = await machine.agent();
    await client.sync(SLOW);
    await client.request("guest-shutdown");
    await client.sync(SLOW);
    const console = await untilDrained(machine);
    equal(console.match(/shutdown via API received/g)?.length, 1);
    equal(console.match(/phase drain \(\S+\): \d+ tasks/g)?.length, 1);
  });

  installed.print();
});
