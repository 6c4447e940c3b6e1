import { equal, ok } from "node:assert/strict";
import { succeeded } from "../harness/command.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { addInstaller, INSTALLER_IMAGE } from "./installer.ts";
import { InstalledNode, secondsSince } from "./installed_node.ts";
import { listLongPhases } from "./phases.ts";
import { AGENT_PORT } from "./talos_machine.ts";

const END = { timeoutMs: 300_000 };
/** Talos pulls the installer's image and tries it before it answers. */
const TALOSCTL_MS = 90_000;

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
    const telling = cluster.talosctlWithin(TALOSCTL_MS, ...args)
      .then((result) => succeeded(what, result));
    // It may be answered only when the machine is gone, which is no failure then.
    await using resources = new AsyncDisposableStack();
    resources.defer(async () => void await Promise.allSettled([closing, telling]));
    resources.use(on);
    await Promise.race([closing, telling.then(() => closing)]);
    const closed = secondsSince(asked);
    const { data } = await machine.qmp.waitEvent("SHUTDOWN", END);
    equal(data.reason, "guest-reset");
    const console = await machine.console();
    const seconds = secondsToStop(console);
    ok(seconds < 20, `${seconds} s`);
    const agent = `the agent stopped in ${seconds.toFixed(1)} s, after ${closed}`;
    const all = `all after ${secondsSince(asked)}: ${listLongPhases(console)}`;
    installed.figures.push([what, `${agent}; ${all}`]);
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
