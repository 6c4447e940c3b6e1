import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { until } from "../harness/until.ts";
import { addExtension } from "./extension.ts";
import { check, InstalledNode, secondsSince, SLOW } from "./installed_node.ts";
import { NODE_ADDRESS } from "./machine_configuration.ts";
import { AGENT_NAMESPACE } from "./machine_patches.ts";
import { TALOS_VERSION } from "./talos_version.ts";

const MIB = 1024 * 1024;

Deno.test("the agent on Talos", async (test) => {
  await using installed = await InstalledNode.prepare();
  const { figures } = installed;
  const isInstalled = await test.step("installed as the documentation says", async () => {
    doesNotMatch(await installed.install(), /WARNING/);
  });
  // Everything else needs it.
  if (!isInstalled) return;

  await test.step("while it runs", async (test) => {
    await using on = await installed.start();
    const { ask, cluster, agent } = on;

    await test.step("the hypervisor sees Talos, its name and addresses", async () => {
      const os = await ask("guest-get-osinfo");
      equal((os as Record<string, unknown>)["pretty-name"], `Talos (${TALOS_VERSION})`);
      const name = (await ask("guest-get-host-name") as Record<string, string>)["host-name"];
      const nodes = await cluster.kubectl(["get", "nodes", "--output=name"]);
      equal(nodes.stdout.trim(), `node/${name}`);
      const interfaces = JSON.stringify(await ask("guest-network-get-interfaces"));
      match(interfaces, new RegExp(`"ip-address":"${NODE_ADDRESS}"`));
    });

    await test.step("only what can be written is frozen and trimmed", async () => {
      const fileSystems = await ask("guest-get-fsinfo") as { mountpoint: string; type: string }[];
      const types = fileSystems.map(({ mountpoint, type }) => `${mountpoint} ${type}`);
      deepEqual(types.sort(), ["/ squashfs", "/var xfs"]);
      const { paths } = await ask("guest-fstrim") as { paths: Record<string, unknown>[] };
      deepEqual(paths.map(({ path }) => path), ["/var"]);
      ok(paths.every((path) => !("error" in path)), JSON.stringify(paths));
      equal(await ask("guest-fsfreeze-freeze"), 1);
      equal(await ask("guest-fsfreeze-thaw"), 1);
    });

    await test.step("the agent's own check is content", async () => {
      const report = await check(on);
      console.log(report.stdout, report.stderr);
      equal(report.code, 0);
      match(report.stdout, /os:operator/);
      match(report.stdout, /^ok +freeze, trim +\/var$/m);
      doesNotMatch(report.stdout, /^failed/m);
    });

    await test.step("both containers are small", async () => {
      for (const [name, most] of [["agent", 30], ["guard", 20]] as const) {
        const { current, anonymous } = await agent.memory(name);
        const mib = (bytes: number) => (bytes / MIB).toFixed(1);
        const text = `${mib(current)} MiB (anonymous ${mib(anonymous)})`;
        figures.push([`memory of ${name}`, text]);
        ok(current <= most * MIB, text);
      }
    });

    await test.step("a namespace and a role that Talos does not allow", async () => {
      const refused = async (namespace: string, role: string): Promise<string> => {
        await cluster.kubectl(
          ["apply", "--filename=-"],
          JSON.stringify({
            apiVersion: "talos.dev/v1alpha1",
            kind: "ServiceAccount",
            metadata: { name: "refused", namespace },
            spec: { roles: [role] },
          }),
        );
        return await until("Talos says why", async () => {
          const { stdout } = await cluster.kubectl([
            ...["get", "serviceaccounts.talos.dev", "refused", "--namespace", namespace],
            "--output=jsonpath={.status.failureReason}",
          ]);
          return stdout === "" ? undefined : stdout;
        });
      };
      match(await refused("default", "os:operator"), /Namespace is not allowed: default/);
      match(await refused(AGENT_NAMESPACE, "os:admin"), /Roles not allowed: \[os:admin\]/);
    });

    await installed.killWhileFrozen(test, on, ["kill -9 of the agent"]);
  });

  await test.step("guest-shutdown", async () => {
    const { data, console } = await installed.end("guest-shutdown", "powerdown");
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
    // Talos begins anew when it is told to shut down for a second time.
    equal(console.match(/phase cleanup \(\S+\): \d+ tasks/g)?.length, 1);
  });

  await test.step("as a system extension, in maintenance mode", async () => {
    await using machine = await installed.node.startUnconfigured(addExtension);
    const started = performance.now();
    // As Terraform does: it waits from the start for the addresses.
    await using client = await machine.agent();
    await client.sync({ timeoutMs: 600_000 });
    figures.push(["extension: from the start to the first answer", secondsSince(started)]);
    const os = await client.execute("guest-get-osinfo", undefined, SLOW);
    equal((os as Record<string, unknown>)["pretty-name"], `Talos (${TALOS_VERSION})`);
    await until("the machine has its address", async () => {
      const interfaces = await client.execute("guest-network-get-interfaces", undefined, SLOW);
      return JSON.stringify(interfaces).includes(`"ip-address":"${NODE_ADDRESS}"`) || undefined;
    });
    const asked = performance.now();
    await client.request("guest-shutdown");
    const { data } = await machine.qmp.waitEvent("SHUTDOWN", SLOW);
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
    figures.push(["extension: guest-shutdown in maintenance mode", secondsSince(asked)]);
  });

  installed.print();
});
