import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { dumpConfig } from "./dump_config.ts";
import { parseCommandLine } from "./getopt.ts";
import { loadConfig } from "./load_config.ts";
import { OPTION_LIST } from "./options.ts";

interface Given {
  readonly words?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly directories?: readonly string[];
}

async function load(given: Given): Promise<Config> {
  const { words = [], environment = {}, files = {}, directories = [] } = given;
  return await loadConfig(parseCommandLine(words, OPTION_LIST), {
    environment: (name) => environment[name],
    readTextFile(path) {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(`no such file: ${path}`);
      return text;
    },
    exists: (path) => directories.includes(path) || Object.hasOwn(files, path),
  });
}

const DEFAULT_FILE = "/etc/qemu/qemu-ga.conf";

Deno.test("without anything the defaults count", async () => {
  const config = await load({});
  assert.equal(config.method, "virtio-serial");
  assert.equal(config.portName, "org.qemu.guest_agent.0");
  assert.equal(config.path, undefined);
  assert.equal(config.pidfile, undefined);
  assert.equal(config.statedir, "/var/run");
  assert.equal(config.blockRpcs, undefined);
  assert.equal(config.allowRpcs, undefined);
  assert.equal(config.drainTimeoutMs, 20_000);
  assert.equal(config.rebootMode, "powercycle");
  assert.deepEqual([config.pathProcfs, config.pathRootfs], ["/proc", "/"]);
  assert.ok(config.interfacesExclude.includes("veth*"));
});

Deno.test("a flag beats the environment, which beats the file", async () => {
  const files = { [DEFAULT_FILE]: "[general]\npath=/file\nmethod=pty\nstatedir=/file\n" };
  const environment = { QGA_PATH: "/env", QGA_METHOD: "isa-serial" };
  const config = await load({ words: ["-p/flag"], environment, files });
  assert.equal(config.path, "/flag");
  assert.equal(config.method, "isa-serial");
  assert.equal(config.statedir, "/file");
});

Deno.test("an empty environment variable counts as left out", async () => {
  const config = await load({ environment: { QGA_METHOD: "", QGA_VERBOSE: "", QGA_CONF: "" } });
  assert.equal(config.method, "virtio-serial");
  assert.equal(config.verbose, false);
});

Deno.test("lists of commands add up over all sources and start afresh at an empty value", async () => {
  const files = { [DEFAULT_FILE]: "[general]\nblacklist=a,b\n" };
  const environment = { QGA_BLOCK_RPCS: "c" };
  const added = await load({ words: ["-b", "d, e,"], environment, files });
  assert.deepEqual(added.blockRpcs, ["a", "b", "c", "d", "e"]);
  const afresh = await load({ words: ["-b", "", "-b", "d"], environment, files });
  assert.deepEqual(afresh.blockRpcs, ["d"]);
  assert.deepEqual((await load({ words: ["-b", ""], environment, files })).blockRpcs, []);
  assert.deepEqual((await load({ environment: { QGA_BLOCK_RPCS: "" } })).blockRpcs, []);
});

Deno.test("another list comes from its most important source alone", async () => {
  const environment = { QGA_INTERFACES_EXCLUDE: "a*", QGA_TALOS_ENDPOINT: "1.2.3.4,[::1]:5" };
  const config = await load({ words: ["--interfaces-exclude", "b"], environment });
  assert.deepEqual(config.interfacesExclude, ["b"]);
  assert.deepEqual(config.talosEndpoints, ["1.2.3.4", "[::1]:5"]);
  assert.deepEqual((await load({ words: ["--interfaces-exclude="] })).interfacesExclude, []);
});

Deno.test("a YAML file takes lists, numbers and booleans", async () => {
  const files = {
    "/c.yaml": [
      "verbose: true",
      "drain-timeout: 5",
      "block-rpcs: [guest-ping, guest-info]",
      "allow-rpcs: []",
      "talos-endpoint:",
      "  - 10.0.0.1",
      "  - 10.0.0.2:50001",
    ].join("\n"),
    "/empty.yml": "# nothing\n",
  };
  const config = await load({ words: ["-c", "/c.yaml"], files });
  assert.equal(config.verbose, true);
  assert.equal(config.drainTimeoutMs, 5_000);
  assert.deepEqual(config.blockRpcs, ["guest-ping", "guest-info"]);
  assert.deepEqual(config.allowRpcs, []);
  assert.deepEqual(config.talosEndpoints, ["10.0.0.1", "10.0.0.2:50001"]);
  const empty = await load({ environment: { QGA_CONF: "/empty.yml" }, files });
  assert.deepEqual(empty, await load({}));
});

Deno.test("a YAML file's values are typed by their option: a text stays as written", async () => {
  const files = {
    "/c.yaml": "port-name: 1.10\ntalos-context: 007\npath: 0x10\nverbose: True\ndaemonize: FALSE\n",
  };
  const config = await load({ words: ["-c", "/c.yaml"], files });
  assert.deepEqual([config.portName, config.talosContext, config.path], ["1.10", "007", "0x10"]);
  assert.deepEqual([config.verbose, config.daemonize], [true, false]);
});

Deno.test("times are in seconds or have a unit", async () => {
  for (
    const [text, milliseconds] of [
      ["0", 0],
      ["1.5", 1_500],
      ["500ms", 500],
      ["2m", 120_000],
      ["1h", 3_600_000],
      ["none", undefined],
    ] as const
  ) {
    const { drainTimeoutMs } = await load({ words: ["--drain-timeout", text] });
    assert.equal(drainTimeoutMs, milliseconds, text);
  }
});

Deno.test("the host's trees are found where they are mounted", async () => {
  const directories = ["/host/proc", "/host/root"];
  const config = await load({ words: ["--path-devfs=/d/"], directories });
  assert.equal(config.pathProcfs, "/host/proc");
  assert.equal(config.pathSysfs, "/sys");
  assert.equal(config.pathDevfs, "/d");
  assert.equal(config.pathRootfs, "/host/root");
});

Deno.test("going to the background has a pidfile of its own", async () => {
  assert.equal((await load({ words: ["-d"] })).pidfile, "/var/run/qemu-ga.pid");
  assert.equal((await load({ words: ["-d", "-f", "/p"] })).pidfile, "/p");
});

Deno.test("a hook flag without value is qemu-ga's default hook", async () => {
  assert.equal((await load({ words: ["-F"] })).fsfreezeHook, "/etc/qemu/fsfreeze-hook");
  assert.equal((await load({ words: ["--fsfreeze-hook=/h"] })).fsfreezeHook, "/h");
});

Deno.test("each mistake is one line with its place and what is allowed", async () => {
  const methods = "give virtio-serial, isa-serial, unix-listen, vsock-listen or pty";
  const time = "give a time such as 500ms, 20s or 1m30s, or none";
  const bad = { "/k": "path=/x", "/k2": "[general]\nnope=1", "/n.yaml": "a: [", "/l.yaml": "- a" };
  const files = { ...bad, "/m.yaml": "path: {a: 1}", "/b": "[general]\nverbose=maybe" };
  const cases: readonly (readonly [Given, string | RegExp])[] = [
    [{ words: ["-mx"] }, `option --method has the bad value 'x': ${methods}`],
    [
      { environment: { QGA_METHOD: "x" } },
      `environment variable QGA_METHOD has the bad value 'x': ${methods}`,
    ],
    // Also where a more important source would hide it.
    [
      { words: ["-mpty"], environment: { QGA_METHOD: "x" } },
      `environment variable QGA_METHOD has the bad value 'x': ${methods}`,
    ],
    [{ words: ["--path="] }, "option --path must not be empty"],
    [
      { words: ["--drain-timeout=1d"] },
      `option --drain-timeout has the bad value '1d': ${time}`,
    ],
    [
      { words: ["--drain-timeout=9999h"] },
      `option --drain-timeout has the bad value '9999h': ${time}`,
    ],
    [
      { words: ["-c/b"], files },
      "/b: verbose has the bad value 'maybe': give true or false",
    ],
    [
      { words: ["-c/missing"] },
      "cannot read the configuration file /missing that --config names: no such file: /missing",
    ],
    [
      { environment: { QGA_CONF: "/missing" } },
      "cannot read the configuration file /missing that QGA_CONF names: no such file: /missing",
    ],
    [
      { words: ["-c/k"], files },
      "/k:1: expected [general] and then key=value, found: path=/x",
    ],
    [{ words: ["-c/k2"], files }, /^\/k2: unknown key nope; allowed are method, path, /],
    [{ words: ["-c/n.yaml"], files }, /^\/n\.yaml: ./],
    [
      { words: ["-c/l.yaml"], files },
      "/l.yaml: expected a mapping of option names to values",
    ],
    [
      { words: ["-c/m.yaml"], files },
      "/m.yaml: path must be a text, a number, true, false, or a list of them",
    ],
  ];
  for (const [given, expected] of cases) {
    await assert.rejects(load(given), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.ok(!error.message.includes("\n"));
      if (typeof expected === "string") assert.equal(error.message, expected);
      else assert.match(error.message, expected);
      return true;
    });
  }
});

Deno.test("a dump is read back as the same configuration", async () => {
  const lines: readonly (readonly string[])[] = [
    [],
    ["-vd", "-mpty", "-p", " /a\\b c", "-F", "-t/s", "-l/log"],
    ["-b", "", "-a", "x,y", "--interfaces-exclude=", "--interfaces-include=e*"],
    ["--drain-timeout=none", "--reboot-mode=force", "--talos-endpoint=a:1,b", "-btest"],
    ["--drain-timeout=1ms", "--talosconfig=/t", "--talos-context=c", "--path-rootfs=/r/"],
    ["--fsfreeze-include=/var,/var/mnt/*", "--fsfreeze-exclude=/var/mnt/scratch"],
    ["--fsfreeze-timeout=2m", "--fsfreeze-allow-empty", "-F/hook"],
    ["--fsfreeze-timeout=0"],
  ];
  for (const words of lines) {
    const config = await load({ words });
    const files = { "/dump": dumpConfig(config) };
    assert.deepEqual(await load({ words: ["-c/dump"], files }), config, words.join(" "));
  }
});

Deno.test("any words and any file give a configuration or a ConfigError", async () => {
  const name = fc.constantFrom(...OPTION_LIST.map((option) => `--${option.name}`));
  const word = fc.oneof(
    fc.string(),
    name,
    fc.tuple(name, fc.string()).map((pair) => pair.join("=")),
  );
  const source = fc.tuple(fc.array(word), fc.string(), fc.constantFrom("/f", "/f.yaml"));
  await checkProperty("sources", source, async ([words, text, path]) => {
    try {
      await load({ words: [...words, "-c", path], files: { [path]: text } });
      await load({ words: ["-c", path], files: { [path]: `[general]\n${text}` } });
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      assert.ok(error.message !== "");
    }
  });
});

Deno.test("HTTP is served on all addresses, on one, or nowhere", async () => {
  assert.deepEqual((await load({})).listenAddress, { hostname: undefined, port: 9777 });
  const { listenAddress } = await load({ words: ["--listen-address", "[::1]:80"] });
  assert.deepEqual(listenAddress, { hostname: "::1", port: 80 });
  assert.equal((await load({ words: ["--listen-address=none"] })).listenAddress, undefined);
  await assert.rejects(
    load({ environment: { QGA_LISTEN_ADDRESS: "9777" } }),
    (error: unknown) =>
      error instanceof ConfigError && /QGA_LISTEN_ADDRESS.*'9777'.*HOST:PORT/.test(error.message),
  );
});

Deno.test("--verbose means --log-level debug", async () => {
  assert.equal((await load({})).logLevel, "info");
  assert.equal((await load({ words: ["--log-level=warn"] })).logLevel, "warn");
  assert.equal((await load({ words: ["--log-level=warn", "-v"] })).logLevel, "debug");
});

Deno.test("readiness is a list of conditions, also an empty one", async () => {
  assert.deepEqual((await load({})).readiness, ["port", "credentials"]);
  assert.deepEqual((await load({ words: ["--readiness=credentials"] })).readiness, ["credentials"]);
  assert.deepEqual((await load({ environment: { QGA_READINESS: "" } })).readiness, []);
  for (const [text, expected] of [["[]", []], ["[port]", ["port"]]] as const) {
    const files = { "/c.yaml": `readiness: ${text}\n` };
    assert.deepEqual((await load({ words: ["-c/c.yaml"], files })).readiness, expected);
  }
  await assert.rejects(load({ words: ["--readiness=port,ports"] }), {
    name: "ConfigError",
    message: "option --readiness has the bad value 'ports': give port or credentials",
  });
});

Deno.test("machined's socket is taken alone, without a talosconfig", async () => {
  const environment = { QGA_TALOS_SOCKET: "/machine.sock" };
  assert.equal((await load({ environment })).talosSocket, "/machine.sock");
  const files = { "/c.yaml": "talosconfig: /t\ntalos-endpoint: [192.0.2.1]\n" };
  for (
    const [given, others] of [
      [{ words: ["--talosconfig=/t"] }, "talosconfig"],
      [{ words: ["--talos-context=x"] }, "talos-context"],
      [{ words: ["-c/c.yaml"], files }, "talosconfig, talos-endpoint"],
    ] as const
  ) {
    await assert.rejects(load({ ...given, environment }), {
      name: "ConfigError",
      message: `talos-socket cannot be used together with ${others}: take the socket in a system ` +
        "extension, a talosconfig everywhere else",
    });
  }
});

Deno.test("a watched file need not be there, and counts before the other one", async () => {
  const words = ["--watch-config=/later.yaml"];
  const files = { [DEFAULT_FILE]: "[general]\nlisten-address=none\nstatedir=/state\n" };
  assert.equal((await load({ words, files })).statedir, "/state");
  const later = { ...files, "/later.yaml": "statedir: /later\n" };
  const config = await load({ words, files: later, environment: { QGA_PATH: "/env" } });
  assert.deepEqual(
    [config.statedir, config.listenAddress, config.path],
    ["/later", undefined, "/env"],
  );
  const beaten = await load({ words, files: later, environment: { QGA_STATEDIR: "/env" } });
  assert.equal(beaten.statedir, "/env");
});
