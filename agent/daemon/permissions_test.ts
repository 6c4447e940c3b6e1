import assert from "node:assert/strict";
import type { PermissionNeeds } from "./permissions.ts";
import { PROJECT } from "../../tests/harness/project.ts";

const NOTHING: PermissionNeeds = {
  fsfreezeHook: undefined,
  listenAddress: undefined,
  kubernetesEvents: false,
  talosconfig: undefined,
  talosSocket: undefined,
};

/** What a program with the executable's permissions can do after it has given some up. */
async function attempts(needs: PermissionNeeds): Promise<Record<string, string>> {
  const probe = `
    import { giveUpPermissions } from ${JSON.stringify(import.meta.resolve("./permissions.ts"))};
    giveUpPermissions(${JSON.stringify(needs)});
    const attempts = {
      program: () => new Deno.Command("true").outputSync(),
      connection: async () => (await Deno.connect({ port: 1 })).close(),
      code: () => import("https://raw.githubusercontent.com/" + "none.ts"),
      process: () => Deno.readTextFileSync("/proc/1/environ"),
      hostname: () => Deno.hostname(),
      interfaces: () => Deno.networkInterfaces(),
      libc: () => Deno.dlopen("libc.so.6", {}).close(),
    };
    const outcome = {};
    for (const [name, attempt] of Object.entries(attempts)) {
      try {
        await attempt();
        outcome[name] = "done";
      } catch (error) {
        // An import that is refused is told by its message alone.
        outcome[name] = /Requires import access/.test(error.message) ? "NotCapable" : error.name;
      }
    }
    console.log(JSON.stringify(outcome));`;
  const script =
    `. scripts/permissions && exec "$0" run --quiet --no-prompt --no-config "\${permissions[@]}" -`;
  const process = new Deno.Command("bash", {
    args: ["-c", script, Deno.execPath()],
    cwd: PROJECT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(probe));
  await writer.close();
  const { stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  try {
    return JSON.parse(decoder.decode(stdout));
  } catch {
    throw new Error(decoder.decode(stderr));
  }
}

Deno.test("an agent that needs nothing can neither run programs nor connect", async () => {
  assert.deepEqual(await attempts(NOTHING), {
    program: "NotCapable",
    connection: "NotCapable",
    code: "NotCapable",
    process: "NotCapable",
    hostname: "NotCapable",
    interfaces: "NotCapable",
    libc: "done",
  });
});

Deno.test("what is configured is kept", async () => {
  const hook = await attempts({ ...NOTHING, fsfreezeHook: "/etc/qemu/fsfreeze-hook" });
  assert.equal(hook["program"], "done");
  assert.equal(hook["connection"], "NotCapable");
  for (const way of [{ talosconfig: "/talosconfig" }, { talosSocket: "/machine.sock" }]) {
    const talos = await attempts({ ...NOTHING, ...way });
    assert.equal(talos["program"], "NotCapable");
    assert.equal(talos["connection"], "ConnectionRefused");
  }
});
