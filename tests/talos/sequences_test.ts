import { ok } from "node:assert/strict";
import { succeeded } from "../harness/command.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { until } from "../harness/until.ts";
import { addInstaller, INSTALLER_IMAGE } from "./installer.ts";
import { InstalledNode, secondsSince } from "./installed_node.ts";
import { AGENT_PORT } from "./talos_machine.ts";

const END = { timeoutMs: 300_000 };

/**
 * For how many seconds Talos waited for the agent's container to stop, by its console: were the agent not to stop, it
 * would be for the pod's whole grace period, a minute.
 */
function secondsToStop(console: string): number {
  const at = (what: string) =>
    Number(new RegExp(`^\\[ *([0-9.]+)\\] \\[talos\\] ${what}`, "m").exec(console)?.[1]);
  return at("stopped container \\S+:agent") - at("stopping pod \\S+/agent-");
}

Deno.test("the agent ends with what Talos does of itself", async (test) => {
  await using installed = await InstalledNode.installed();
  await using directory = await TemporaryDirectory.create();
  await addInstaller(installed.node.registry, directory.path);

  const end = async (what: string, args: readonly string[]): Promise<void> => {
    const on = await installed.start();
    const { machine, cluster } = on;
    const asked = performance.now();
    const closing = machine.qmp.waitEvent("VSERPORT_CHANGE", {
      ...END,
      since: machine.qmp.events.length,
      where: ({ data }) => data.id === AGENT_PORT && data.open === false,
    });
    const over = new AbortController();
    // Talos pulls the installer's image and tries it before it answers, or does not answer at all.
    const telling = cluster.talosctlUntil(over.signal, ...args)
      .then((result) => succeeded(what, result));
    await using resources = new AsyncDisposableStack();
    resources.defer(async () => void await Promise.allSettled([closing, telling]));
    resources.use(on);
    resources.defer(() => over.abort());
    await Promise.race([closing, telling.then(() => closing)]);
    const closed = secondsSince(asked);
    const seconds = await until("Talos tells of it", async () => {
      const seconds = secondsToStop(await machine.console());
      return Number.isNaN(seconds) ? undefined : seconds;
    });
    ok(seconds < 20, `${seconds} s`);
    installed.figures.push([what, `the agent stopped in ${seconds.toFixed(1)} s, after ${closed}`]);
  };

  await test.step("an upgrade", async () => {
    const options = ["--legacy", "--reboot-mode", "powercycle", "--wait=false"];
    await end("talosctl upgrade", ["upgrade", "--image", INSTALLER_IMAGE, ...options]);
  });

  await test.step("a reset", async () => {
    const options = ["--graceful=false", "--reboot", "--wait=false"];
    const wiped = ["--system-labels-to-wipe", "EPHEMERAL"];
    await end("talosctl reset", ["reset", ...options, ...wiped]);
  });

  installed.print();
});
