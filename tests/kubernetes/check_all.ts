/** scripts/check-all over several nodes. */

import assert from "node:assert/strict";
import { checkAll } from "../harness/kubernetes/check_all.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { EXECUTABLE } from "../harness/running_agent.ts";
import { until } from "../harness/until.ts";
import { Kubelets } from "./kubelets.ts";
import { GUEST, GUEST_WITHOUT_PORT, METAL } from "./machines.ts";
import { applyNode, cleanUp, installChart, waitForPodsOn } from "./nodes.ts";

const NAMESPACE = "check-all";
const RELEASE = "agent";
/** Its pod is not scheduled: there is no room. */
const FULL = "full";
const NODES = [FULL, "metal", "slow", "vm-1", "vm-2"];

/**
 * A kubectl whose `exec` runs the executable as in the pod, since nobody behind these Nodes could: all else
 * is the real one's.
 */
async function kubectlOf(
  directory: string,
  options: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const cases = [...options].map(([pod, words]) => `    ${pod}) options="${words.join(" ")}" ;;`);
  await Deno.writeTextFile(
    `${directory}/kubectl`,
    `#!/bin/sh
# --namespace NAMESPACE exec POD --container agent -- /qemu-ga-talos check --config FILE ARGUMENT...
if [ "$3" = exec ]; then
  case $4 in
${cases.join("\n")}
    *) echo "error: unable to upgrade connection: $4" >&2; exit 1 ;;
  esac
  shift 11
  exec ${EXECUTABLE} check $options --path-rootfs=/ "$@"
fi
exec ${await findControlPlaneProgram("kubectl")} "$@"
`,
    { mode: 0o755 },
  );
}

/** Registers the test. It needs the executable. */
export function registerCheckAllTests(cluster: () => ControlPlane): void {
  Deno.test("scripts/check-all has a row for each node, and what failed below the table", async () => {
    const controlPlane = cluster();
    await controlPlane.kubectl(["create", "namespace", NAMESPACE]);
    for (const node of NODES) await applyNode(controlPlane, node);
    await controlPlane.kubectl([
      ...["patch", "node", FULL, "--subresource=status", "--type=merge"],
      '--patch={"status":{"allocatable":{"pods":"0"}}}',
    ]);
    await using kubelets = await Kubelets.start(controlPlane, NAMESPACE, {
      "metal": METAL,
      "vm-1": GUEST,
      "vm-2": GUEST_WITHOUT_PORT,
    });
    await installChart(controlPlane, RELEASE, NAMESPACE, "--set=talos.auth=none");
    await waitForPodsOn(controlPlane, NAMESPACE, NODES.filter((node) => node !== FULL));
    const directory = await Deno.makeTempDir({ prefix: "kubectl-" });
    const check = async (...args: string[]) =>
      await checkAll(controlPlane, directory, ["-n", NAMESPACE, ...args]);
    await kubectlOf(directory, new Map());
    const running = await until("three agents run", async () => {
      const { stdout } = await check();
      const options = await kubelets.options();
      return /^slow +✗ the pod does not run: Pending$/m.test(stdout) &&
          stdout.match(/could not be asked/g)?.length === 3 && options.size === 3
        ? options
        : undefined;
    });

    const unknown = await check();
    assert.equal(unknown.code, 2);
    assert.match(unknown.stdout, /^vm-1\n {2}error: unable to upgrade connection: agent-/m);

    await kubectlOf(directory, running);
    const { code, stdout, stderr } = await check();
    assert.equal(stderr, "");
    assert.equal(code, 1, stdout);
    const [table = "", ...details] = stdout.split("\n\n");
    const [header, ...rows] = table.split("\n");
    assert.match(header ?? "", /^NODE +PORT +FREEZE +CREDENTIALS +TALOS API +CLOCK +OTHER$/);
    assert.deepEqual(rows.map((row) => row.split(" ")[0]), NODES);
    const port = header?.indexOf("PORT") ?? 0;
    const credentials = header?.indexOf("CREDENTIALS") ?? 0;
    assert.deepEqual(
      rows.map((row) => row.slice(port).split("  ")[0]),
      [
        "✗ the pod does not run: Pending",
        "✓ not needed",
        "✗ the pod does not run: Pending",
        "! not served",
        "✗ none",
      ],
    );
    for (const row of rows.filter((row) => !/does not run/.test(row))) {
      assert.match(row.slice(credentials), /^! none +- not asked +✓ /);
    }
    // Warnings are left out.
    const of = (node: string) => details.find((text) => text.startsWith(`${node}\n`));
    assert.match(
      of("vm-2") ?? "",
      /^ {2}failed +port +there is no virtio-serial port .*\n +-> switch on/m,
    );
    assert.match(of("slow") ?? "", /\n {2}-> kubectl describe pod agent-/);
    assert.equal(of("vm-1"), undefined, stdout);
    const strict = await check("--strict");
    assert.match(strict.stdout, /^vm-1\n(?: .*\n)*? {2}warning +talosconfig +none is configured/m);

    const nobody = await check("--selector", "app.kubernetes.io/name=other");
    assert.equal(nobody.code, 2);
    assert.match(
      nobody.stderr,
      /no pod and no DaemonSet has the labels app.kubernetes.io\/name=other/,
    );
    await Deno.remove(directory, { recursive: true });
    await cleanUp(controlPlane, RELEASE, NAMESPACE, NODES);
  });
}
