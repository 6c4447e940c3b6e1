import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createAuthority } from "../harness/talos/pki.ts";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { EXECUTABLE, exists, RunningAgent } from "../harness/running_agent.ts";

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function execute(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(EXECUTABLE, {
    args: [...args],
    env: { QGA_LISTEN_ADDRESS: "none", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("version, help and the list of commands", async () => {
  match((await execute(["version"])).stdout, /^QEMU Guest Agent \d+\.\d+\.\d+ /);
  match((await execute(["-V"])).stdout, /^QEMU Guest Agent /);
  match((await execute(["--help"])).stdout, /--talos-endpoint HOST/);
  match((await execute(["-b", "help"])).stdout, /^guest-ping$/m);
});

Deno.test("mistakes end with status 2 and one line that says what is allowed", async () => {
  const cases: [string[], RegExp][] = [
    [["--nonsense"], /unknown option --nonsense/],
    [["-m", "carrier-pigeon"], /virtio-serial/],
    [["--drain-timeout", "soon"], /20s/],
    [["dance"], /run, call, check, guard and version/],
    [["-c", "/nonexistent/file.yaml"], /\/nonexistent\/file\.yaml/],
    [["-m", "unix-listen"], /must specify a path/],
    [["call"], /usage/],
    [["call", "--local", "guest-ping", "[]"], /JSON object/],
    [["call", "--local", "guest-fsfreeze-freeze"], /--path/],
  ];
  for (const [args, text] of cases) {
    const { code, stderr } = await execute(args);
    equal(code, 2, args.join(" "));
    match(stderr, text);
    equal(stderr.trimEnd().split("\n").length, 1, stderr);
  }
});

Deno.test("QGA_CONF that names a missing file is a mistake, as --config is", async () => {
  const { code, stderr } = await execute(["-D"], { QGA_CONF: "/nonexistent/qemu-ga.conf" });
  equal(code, 2);
  match(stderr, /\/nonexistent\/qemu-ga\.conf that QGA_CONF names/);
});

Deno.test("the dumped configuration reads back", async () => {
  const directory = await Deno.makeTempDir();
  const options = ["-m", "unix-listen", "-p", "/x", "-b", "guest-ping,guest-info", "-v"];
  const { stdout } = await execute([...options, "--drain-timeout", "none", "-D"]);
  match(stdout, /^\[general\]\n/);
  await Deno.writeTextFile(`${directory}/qemu-ga.conf`, stdout);
  equal((await execute(["-D"], { QGA_CONF: `${directory}/qemu-ga.conf` })).stdout, stdout);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("call runs a command in its own process and through a socket", async () => {
  const local = await execute(["call", "--local", "guest-get-osinfo"]);
  equal(local.code, 0, local.stderr);
  const os = JSON.parse(local.stdout) as Record<string, string>;
  equal(os["kernel-release"], Deno.osRelease());
  await using agent = await RunningAgent.start();
  deepEqual(JSON.parse((await execute(["call", "-p", agent.socket, "guest-ping"])).stdout), {});
  const sync = ["call", "-p", agent.socket, "guest-sync-delimited", '{"id": 9223372036854775807}'];
  equal((await execute(sync)).stdout, "9223372036854775807\n");
  const unknown = await execute(["call", "-p", agent.socket, "guest-nonsense"]);
  equal(unknown.code, 1);
  match(unknown.stderr, /CommandNotFound/);
});

Deno.test("a machine that takes the connection down with it has obeyed guest-shutdown", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/agent.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  for (const [command, code] of [["guest-shutdown", 0], ["guest-ping", 2]] as const) {
    const result = execute(["call", "--path", path, command]);
    {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(1000));
    }
    equal((await result).code, code, (await result).stderr);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("SIGTERM and SIGINT end the agent at once and leave nothing behind", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const directory = await Deno.makeTempDir();
    await using agent = await RunningAgent.start("-f", `${directory}/agent.pid`);
    await using client = await agent.client();
    await client.send('{"execute":"guest-pi');
    match(await Deno.readTextFile(`${directory}/agent.pid`), /^\d+\n$/);
    const { code, log, milliseconds } = await agent.stop(signal);
    equal(code, 0, log);
    ok(milliseconds < 1000, `${milliseconds} ms`);
    equal(exists(agent.socket), false);
    equal(exists(`${directory}/agent.pid`), false);
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the agent takes no huge pages, whatever the machine's default is", async () => {
  await using agent = await RunningAgent.start();
  await using client = await agent.client();
  await client.sync();
  match(await Deno.readTextFile(`/proc/${agent.pid}/status`), /^THP_enabled:\t0$/m);
});

Deno.test("a signal in the middle of the start ends the agent as cleanly", async () => {
  for (let run = 0; run < 5; run++) {
    const directory = await Deno.makeTempDir();
    const pidfile = `${directory}/agent.pid`;
    const socket = `${directory}/agent.sock`;
    const agent = new Deno.Command(EXECUTABLE, {
      args: ["-m", "unix-listen", "-p", socket, "-f", pidfile, "--listen-address", "none"],
      stderr: "null",
    }).spawn();
    // The first that it leaves behind. A timer would come too late.
    for (const end = performance.now() + 10_000; !exists(pidfile);) {
      ok(performance.now() < end, "no pid file after 10 s");
    }
    agent.kill("SIGTERM");
    equal((await agent.status).code, 0);
    equal(exists(pidfile), false);
    equal(exists(socket), false);
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a second agent on the same socket or pid file ends with status 1", async () => {
  const directory = await Deno.makeTempDir();
  const pidfile = `${directory}/agent.pid`;
  await using agent = await RunningAgent.start("-f", pidfile);
  const socket = await execute(["-m", "unix-listen", "-p", agent.socket]);
  equal(socket.code, 1);
  match(socket.stderr, /another agent is listening/);
  const pid = await execute(["-m", "unix-listen", "-p", `${directory}/other`, "-f", pidfile]);
  equal(pid.code, 1);
  match(pid.stderr, /another agent is running/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a new agent takes over the socket and pid file of a killed one", async () => {
  const directory = await Deno.makeTempDir();
  const options = ["-f", `${directory}/agent.pid`];
  await using killed = await RunningAgent.start(...options);
  await killed.stop("SIGKILL");
  equal(exists(killed.socket), true);
  await using agent = await RunningAgent.startIn(killed.directory, options);
  equal((await agent.stop("SIGTERM")).code, 0);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("-d goes to the background once it serves", async () => {
  const directory = await Deno.makeTempDir();
  const socket = `${directory}/agent.sock`;
  const pidfile = `${directory}/agent.pid`;
  const args = ["-d", "-m", "unix-listen", "-p", socket, "-f", pidfile];
  equal((await execute(args)).code, 0);
  {
    await using client = await GuestAgentClient.connect(socket);
    await client.sync();
  }
  match((await execute(args)).stderr, /another agent/);
  Deno.kill(Number(await Deno.readTextFile(pidfile)), "SIGTERM");
  while (exists(pidfile)) await new Promise((resolve) => setTimeout(resolve, 10));
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a talosconfig that cannot be used is said once, and all else works", async () => {
  await using api = await FakeTalosApi.start();
  const good = await api.talosconfig({ roles: ["os:operator"] });
  const cases: [string | undefined, RegExp][] = [
    [undefined, /talosconfig/],
    ["", /empty/],
    [good.slice(0, good.length / 2), /talosconfig|context|crt|key/],
    ["context: a\ncontexts:\n  b: {}\n", /context/],
    [good.replace(/crt: .*/, "crt: bm9uc2Vuc2U="), /crt|certificate/],
  ];
  for (const [text, pattern] of cases) {
    const directory = await Deno.makeTempDir();
    if (text !== undefined) await Deno.writeTextFile(`${directory}/talosconfig`, text);
    const logfile = `${directory}/log`;
    const options = ["--talosconfig", `${directory}/talosconfig`, "--logfile", logfile];
    await using agent = await RunningAgent.start(...options);
    {
      await using client = await agent.client();
      await client.sync();
      let message = "";
      try {
        await client.execute("guest-shutdown");
      } catch (error) {
        message = error instanceof Error ? error.message : String(error);
      }
      match(message, pattern);
      deepEqual(await client.execute("guest-ping"), {});
    }
    const said = async (): Promise<number> =>
      (await Deno.readTextFile(logfile)).split("will not work").length - 1;
    // It is said when the hypervisor is served already.
    while (await said() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await agent.stop("SIGTERM");
    equal(await said(), 1);
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("files are opened and programs run once they are allowed", async () => {
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/file`, "text");
  const options = ["-b", "", "-t", directory, "--path-rootfs", directory];
  await using agent = await RunningAgent.startIn(directory, options);
  await using client = await agent.client();
  const handle = await client.execute("guest-file-open", { path: "/file" });
  equal(handle, 1000);
  deepEqual(await client.execute("guest-file-read", { handle }), {
    count: 4,
    "buf-b64": "dGV4dA==",
    eof: true,
  });
  const program = { path: "sh", arg: ["-c", "echo o; echo e >&2"], "capture-output": "merged" };
  // `{pid}`, which is just what the next command takes.
  const started = await client.execute("guest-exec", program) as { readonly pid: number };
  let status: unknown = { exited: false };
  while (JSON.stringify(status) === '{"exited":false}') {
    status = await client.execute("guest-exec-status", started);
  }
  deepEqual(status, {
    exited: true,
    exitcode: 0,
    "out-data": "bwplCg==",
    "out-truncated": false,
  });
});

Deno.test("what a killed agent left frozen is thawed at the next start, and told", async () => {
  // A root without mounts: the machine that runs this is not frozen.
  const directory = await Deno.makeTempDir();
  const marker = `${directory}/qga.state.isfrozen`;
  await Deno.writeTextFile(marker, '9:9 "/var"\n');
  await using agent = await RunningAgent.start("-t", directory, "--path-rootfs", directory);
  {
    await using client = await agent.client();
    await client.sync();
    equal(exists(marker), false);
    equal(await client.execute("guest-fsfreeze-status"), "thawed");
    deepEqual(await client.execute("guest-fstrim"), { paths: [] });
    await rejects(client.execute("guest-fsfreeze-thaw"), /when the agent was started again/);
    equal(await client.execute("guest-fsfreeze-thaw"), 0);
    await rejects(client.execute("guest-fsfreeze-freeze"), /no file system to freeze/);
  }
  const { code, log } = await agent.stop("SIGTERM");
  equal(code, 0);
  match(log, /"device":"9:9"[^]*the last process had left frozen/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("the freeze hook is run, and its failure keeps a freeze from beginning", async () => {
  const directory = await Deno.makeTempDir();
  const hook = `${directory}/hook`;
  await Deno.writeTextFile(hook, `#!/bin/sh\necho $1 >>${directory}/said\nexit 3\n`);
  await Deno.chmod(hook, 0o700);
  const options = ["-t", directory, "--path-rootfs", directory, "--fsfreeze-allow-empty"];
  await using agent = await RunningAgent.start(...options, `--fsfreeze-hook=${hook}`);
  await using client = await agent.client();
  await client.sync();
  const failure = /child process has failed to execute fsfreeze hook: exit status 3/;
  await rejects(client.execute("guest-fsfreeze-freeze"), failure);
  equal(await client.execute("guest-fsfreeze-status"), "thawed");
  await rejects(client.execute("guest-fsfreeze-thaw"), failure);
  equal(await Deno.readTextFile(`${directory}/said`), "freeze\nthaw\n");
  await agent.stop("SIGTERM");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("only the talosconfig's authority can speak for Talos, also by a name", async () => {
  await using api = await FakeTalosApi.start({ dns: ["localhost"] });
  const directory = await Deno.makeTempDir();
  const authority = `${directory}/web.crt`;
  await Deno.writeTextFile(authority, api.authority.certificate);
  const text = await api.talosconfig();
  const other = btoa((await createAuthority()).certificate);
  const cases = [[text.replace(/ca: .*/, `ca: ${other}`), "reboot"], [text, "halt"]] as const;
  const environments = [
    { DENO_CERT: authority },
    { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: authority },
  ];
  for (const env of environments) {
    const before = api.calls.all.length;
    for (const [config, mode] of cases) {
      await Deno.writeTextFile(`${directory}/config`, config);
      const options = ["--talosconfig", `${directory}/config`];
      const endpoint = ["--talos-endpoint", `localhost:${api.port}`];
      await using agent = await RunningAgent.startIn(
        await Deno.makeTempDir(),
        [...options, ...endpoint],
        env,
      );
      await using client = await agent.client();
      await client.request("guest-shutdown", { mode });
      await client.sync();
    }
    await api.calls.waitFor(before + 1);
    deepEqual(api.calls.methods.slice(before), ["Shutdown"], JSON.stringify(env));
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a proxy in the environment is not asked: the Talos API is this node's own", async () => {
  await using api = await FakeTalosApi.start();
  using proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `http://127.0.0.1:${proxy.addr.port}`;
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/config`, await api.talosconfig());
  const options = ["--talosconfig", `${directory}/config`, "--talos-endpoint", api.endpoint];
  const names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  const env = Object.fromEntries(names.map((name) => [name, address]));
  await using agent = await RunningAgent.startIn(directory, options, env);
  await using client = await agent.client();
  await client.request("guest-shutdown");
  deepEqual((await api.calls.waitFor(1)).map(({ method }) => method), ["Shutdown"]);
  const asked = proxy.accept().then(() => true, () => false);
  proxy.close();
  equal(await asked, false);
});
