import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { succeeded } from "../harness/command.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { InstalledNode, type Running } from "./installed_node.ts";
import { AGENT_NAMESPACE } from "./machine_configuration.ts";

/** The agent's configuration in its container. */
const CONFIG = "/etc/qemu-guest-agent-talos/qga.yaml";
const SECRET = "mine";

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

/** What `check` says in the agent's container. */
async function check({ cluster }: Running): Promise<string> {
  const { stdout } = await cluster.tryKubectl([
    ...["exec", "--namespace", AGENT_NAMESPACE, "daemonset/agent-qemu-guest-agent-talos"],
    ...["--container", "agent", "--", "/qemu-ga-talos", "check", "--config", CONFIG],
  ]);
  return stdout;
}

Deno.test("how the agent gets its credentials on Talos", async (test) => {
  await using installed = await InstalledNode.prepare();
  if (!await test.step("installed", async () => void await installed.install())) return;

  await test.step("none: no power commands, and all else", async () => {
    await using on = await installed.start();
    await upgrade(on, "talos.auth=none");
    await rejects(on.ask("guest-shutdown"), /guest-shutdown has been disabled|set --talosconfig/);
    const fileSystems = await on.ask("guest-get-fsinfo") as { mountpoint: string }[];
    deepEqual(fileSystems.map(({ mountpoint }) => mountpoint).sort(), ["/", "/var"]);
  });

  await test.step("a Secret with a talosconfig by talosctl config new", async () => {
    await using directory = await TemporaryDirectory.create();
    const path = `${directory.path}/talosconfig`;
    const { data, console } = await installed.end(
      "guest-shutdown by a talosconfig of one's own, no limit for the drain, asked twice",
      "powerdown",
      async (on) => {
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
        const report = await check(on);
        match(report, /^ok +role +os:operator$/m);
        match(report, /^ok +certificate .* for 364 d/m);
        // Nothing is answered to it, and the second, by the test, finds it under way.
        await using client = await machine.agent();
        await client.sync({ timeoutMs: 60_000 });
        await client.request("guest-shutdown");
      },
    );
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
    equal(console.match(/shutdown via API received/g)?.length, 1);
    equal(console.match(/phase cleanup \(\S+\): \d+ tasks/g)?.length, 1);
  });

  installed.print();
});
