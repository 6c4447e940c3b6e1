import { deepEqual, doesNotMatch, equal, ok, rejects } from "node:assert/strict";
import { timeFrozenAfter } from "../harness/kubernetes/kill_while_frozen.ts";
import { until } from "../harness/until.ts";
import { addExtension } from "./extension.ts";
import { beginToEnd, InstalledNode, secondsSince, SLOW, untilDrained } from "./installed_node.ts";

/** As the documentation has it. */
const SERVICE_CONFIG = {
  apiVersion: "v1alpha1",
  kind: "ExtensionServiceConfig",
  name: "qemu-guest-agent-talos",
  configFiles: [{
    mountPath: "/etc/qemu-ga-talos.yaml",
    content: "drain-timeout: 0\nfsfreeze-exclude: [/var]\n",
  }],
};

interface FileSystem {
  readonly mountpoint: string;
  readonly type: string;
}

Deno.test("as a system extension of a node with a configuration", async (test) => {
  await using installed = await InstalledNode.prepare();
  const { node, figures } = installed;
  await using machine = await node.startExtended(addExtension);
  const cluster = await node.cluster(machine);
  const started = performance.now();
  const ask = async (command: string, timeoutMs = 300_000): Promise<unknown> => {
    await using client = await machine.agent();
    await client.sync({ timeoutMs });
    return await client.execute(command, undefined, SLOW);
  };

  await test.step("it sees a file system that is mounted after it has started", async () => {
    equal(JSON.stringify(await ask("guest-ping")), "{}");
    figures.push(["extension on a node: first answer", secondsSince(started)]);
    await until(
      "/var is there",
      async () => {
        const fileSystems = await ask("guest-get-fsinfo") as FileSystem[];
        return fileSystems.some(({ mountpoint }) => mountpoint === "/var") || undefined;
      },
      300_000,
      1_000,
    );
    figures.push(["extension on a node: /var is seen", secondsSince(started)]);
  });

  await test.step("Reboot, and it is there again", async () => {
    const { qmp } = machine;
    await qmp.execute("set-action", { reboot: "reset" });
    const asked = performance.now();
    await using client = await machine.agent();
    await client.sync(SLOW);
    await client.request("guest-shutdown", { mode: "reboot" });
    const { data } = await qmp.waitEvent("RESET", { timeoutMs: 300_000 });
    deepEqual(data, { guest: true, reason: "guest-reset" });
    figures.push(["extension on a node: reset after", secondsSince(asked)]);
    await client.sync({ timeoutMs: 300_000 });
    figures.push(["extension on a node: the next answer after", secondsSince(asked)]);
  });

  await test.step("the host name is the node's", async () => {
    const name = await until(
      "Talos says it",
      async () => {
        const { stdout } = await cluster.talosctl(
          ...["get", "hostname", "--output=jsonpath={.spec.hostname}"],
        );
        return stdout.trim() || undefined;
      },
      120_000,
      1_000,
    );
    deepEqual(await ask("guest-get-host-name"), { "host-name": name });
  });

  await test.step("/var is frozen and thawed", async () => {
    equal(await ask("guest-fsfreeze-freeze"), 1);
    equal(await ask("guest-fsfreeze-thaw"), 1);
  });

  await test.step("kill -9 of the agent while /var is frozen", async () => {
    await machine.waitForShell(600_000);
    equal(await ask("guest-fsfreeze-freeze"), 1);
    const kill = "kill -9 $(grep -l -e --talos-socket /proc/[0-9]*/cmdline | cut -d / -f 3)";
    const milliseconds = await timeFrozenAfter(machine, kill);
    figures.push(["extension on a node, agent killed: writable again after", `${milliseconds} ms`]);
    ok(milliseconds <= 5_000, `${milliseconds} ms`);
    const killed = performance.now();
    equal(await ask("guest-fsfreeze-status"), "thawed");
    figures.push(["extension on a node: the agent is back after", secondsSince(killed)]);
    await rejects(ask("guest-fsfreeze-thaw"), /the freeze has ended too early.*by the guard/);
    equal(await ask("guest-fsfreeze-thaw"), 0);
  });

  await test.step("it takes an ExtensionServiceConfig that comes later", async () => {
    await cluster.patchConfiguration(SERVICE_CONFIG);
    await until(
      "there is nothing left to freeze",
      async () => {
        try {
          // What the agent is asked in the moment of its end has no answer.
          await ask("guest-fsfreeze-freeze", 30_000);
        } catch (error) {
          return /--fsfreeze-allow-empty/.test(String(error)) || undefined;
        }
        // It would not take the file while something is frozen.
        await ask("guest-fsfreeze-thaw");
        return undefined;
      },
      180_000,
      3_000,
    );
  });

  await test.step("Shutdown, without a drain as it is configured", async () => {
    const { length } = await machine.console();
    await beginToEnd(machine);
    const console = await untilDrained(machine, length);
    doesNotMatch(console, /phase drain/);
  });

  installed.print();
});

Deno.test("as a system extension of a machine without the port", async () => {
  await using installed = await InstalledNode.prepare();
  await using machine = await installed.node.startUnconfigured(addExtension, false);
  const started = (console: string) =>
    console.match(/service\[ext-qemu-guest-agent-talos(?:-guard)?\]\(Running\): Started/g);
  await until("both services run, in maintenance mode", async () => {
    const console = await machine.console();
    const isReady = /entering maintenance service/.test(console) && started(console)?.length === 2;
    return isReady || undefined;
  }, 180_000);
  // Who ends for want of the port would be started again every five seconds.
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  equal(started(await machine.console())?.length, 2);
});
