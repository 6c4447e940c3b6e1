import { deepEqual, equal, match, ok } from "node:assert/strict";
import { until } from "../harness/until.ts";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { ContainedAgent } from "./contained_agent.ts";

const LIMIT_MIB = 64;
const MEBIBYTE = 1024 * 1024;
/** What the agent may take at rest, and after everything that is sent here, as working set in MiB. */
const MOST_IDLE_MIB = 30;
const MOST_AFTER_MIB = 48;
const SLOW = { timeoutMs: 120_000 };
/** What a request of 64 MiB takes in the agent at this limit. */
const TOO_LARGE = /^JSON token size limit exceeded: .* 8 MiB here, because .* limited to 64 MiB/;
const DISABLED = /has been disabled: the agent is in frozen state/;

type Reply = Readonly<Record<string, unknown>>;

/** What is sent to an agent, and what is to come of it. */
interface Load {
  readonly name: string;
  /** Whether it is the same while file systems are frozen. */
  readonly whileFrozen: boolean;
  readonly run: (client: GuestAgentClient, agent: ContainedAgent) => Promise<void>;
}

/** Sends the text as one request and gives the line that comes back. */
async function exchange(client: GuestAgentClient, text: string | Uint8Array): Promise<Uint8Array> {
  // The agent stops reading while its reply is not read.
  const [line] = await Promise.all([client.receiveLine(SLOW), client.send(text)]);
  return line;
}

async function ask(client: GuestAgentClient, command: string, args: Reply = {}): Promise<Reply> {
  const request = JSON.stringify({ execute: command, arguments: args });
  return JSON.parse(new TextDecoder().decode(await exchange(client, request)));
}

async function succeed(
  client: GuestAgentClient,
  command: string,
  args: Reply = {},
): Promise<Reply> {
  const { return: result, error } = await ask(client, command, args);
  equal(error, undefined, `${command}: ${JSON.stringify(error)}`);
  return result as Reply;
}

async function fail(client: GuestAgentClient, command: string, args: Reply = {}): Promise<string> {
  const { error } = await ask(client, command, args);
  return String((error as Reply | undefined)?.["desc"]);
}

/** A ping with an id of as many bytes, which comes back, or is refused. */
async function pingOf(client: GuestAgentClient, bytes: number, unit = "x"): Promise<void> {
  const id = unit.repeat(bytes / new TextEncoder().encode(unit).length);
  const text = `{"execute":"guest-ping","id":"${id}"}`;
  const line = new TextDecoder().decode(await exchange(client, text));
  if (bytes < 8 * MEBIBYTE) {
    const { return: result, id: echo } = JSON.parse(line);
    deepEqual(result, {});
    ok(echo === id, `an id of ${bytes} bytes comes back changed`);
  } else match(JSON.parse(line).error.desc, TOO_LARGE);
  deepEqual(await succeed(client, "guest-ping"), {});
}

/** A request with as many values of a kind. */
async function valuesOf(client: GuestAgentClient, value: string, count: number): Promise<void> {
  const list = Array.from({ length: count }, () => value).join();
  const line = await exchange(client, `{"execute":"guest-ping","id":[${list}]}`);
  match(
    new TextDecoder().decode(line.subarray(0, 80)),
    /^\{"return": \{\}|JSON token count limit exceeded/,
  );
  deepEqual(await succeed(client, "guest-ping"), {});
}

const REQUESTS: readonly Load[] = [
  ...[1, 4, 7, 8, 20, 64].map((size): Load => ({
    name: `a request of ${size} MiB`,
    whileFrozen: true,
    run: (client) => pingOf(client, size * MEBIBYTE),
  })),
  ...["\u007f", "\u00e9", "\u20ac"].map((unit): Load => ({
    name: `a request of 7 MiB of ${JSON.stringify(unit)}`,
    whileFrozen: true,
    run: (client) => pingOf(client, 6 * MEBIBYTE, unit),
  })),
  ...["1", "[]", "{}", '"a"', "[1]", '{"a":1}'].map((value): Load => ({
    name: `requests of many ${value}`,
    whileFrozen: true,
    run: async (client) => {
      await valuesOf(client, value, 5_000);
      await valuesOf(client, value, 30_000);
      await valuesOf(client, value, 1_000_000);
    },
  })),
  {
    name: "objects with 8,000 members, which fit, and with 30,000, which do not",
    whileFrozen: true,
    run: async (client) => {
      for (const count of [8_000, 30_000]) {
        const members = Array.from({ length: count }, (_, index) => `"k${index}":1`).join();
        const id = `"id":{${members}}`;
        for (const text of [`"arguments":{${members}}`, members, id]) {
          const line = await exchange(client, `{"execute":"guest-ping",${text}}`);
          match(
            new TextDecoder().decode(line.subarray(0, 80)),
            text === id && count === 8_000 ? /^\{"return"/ : /^\{"error"/,
          );
        }
      }
    },
  },
  {
    name: "half a request of 7 MiB, given up",
    whileFrozen: true,
    run: async (client) => {
      await client.send(`{"execute":"guest-ping","id":"${"x".repeat(7 * MEBIBYTE)}`);
      await client.sync(SLOW);
    },
  },
  {
    name: "300 connections in turn",
    whileFrozen: true,
    run: async (client, agent) => {
      // The agent serves one at a time.
      await client[Symbol.asyncDispose]();
      for (let count = 0; count < 300; count++) {
        await using other = await agent.client();
        if (count % 3 === 0) await other.send('{"execute":');
        else await other.sync(SLOW);
      }
    },
  },
  {
    name: "every guest-get, 20 times",
    whileFrozen: false,
    run: async (client) => {
      const info = await succeed(client, "guest-info");
      const names = (info["supported_commands"] as { name: string; enabled: boolean }[])
        .filter(({ name, enabled }) => enabled && /^guest-(network-)?get-/.test(name))
        .map(({ name }) => name);
      ok(names.length > 12);
      // Some have no answer on this machine; none may have no reply.
      for (let count = 0; count < 20; count++) for (const name of names) await ask(client, name);
    },
  },
];

const FILES: readonly Load[] = [
  {
    name: "guest-file-read of 48 MiB, 8 times",
    whileFrozen: false,
    run: async (client) => {
      const handle = await succeed(client, "guest-file-open", { path: "/big", mode: "w+" });
      // A file with a hole has no pages on the tmpfs, which count for the cgroup.
      await succeed(client, "guest-file-seek", { handle, offset: 70 * MEBIBYTE, whence: "set" });
      await succeed(client, "guest-file-write", { handle, "buf-b64": "AA==" });
      await succeed(client, "guest-file-seek", { handle, offset: 0, whence: "set" });
      for (let offset = 0; offset <= 70 * MEBIBYTE;) {
        const read = await succeed(client, "guest-file-read", { handle, count: 48 * MEBIBYTE });
        const left = 70 * MEBIBYTE + 1 - offset;
        equal(read["count"], Math.min(8 * MEBIBYTE, left));
        equal(String(read["buf-b64"]).length, Math.ceil(Number(read["count"]) / 3) * 4);
        equal(read["eof"], left < 8 * MEBIBYTE);
        offset += Number(read["count"]);
      }
      await succeed(client, "guest-file-close", { handle });
    },
  },
  {
    name: "guest-file-write of 5 MiB, 6 times",
    whileFrozen: false,
    run: async (client) => {
      const data = new Uint8Array(5 * MEBIBYTE).fill(7).toBase64();
      for (let count = 0; count < 6; count++) {
        const handle = await succeed(client, "guest-file-open", { path: "/var/w", mode: "w" });
        const { count: written } = await succeed(client, "guest-file-write", {
          handle,
          "buf-b64": data,
        });
        equal(written, 5 * MEBIBYTE);
        await succeed(client, "guest-file-close", { handle });
      }
    },
  },
  {
    name: "guest-exec with 20 MB on both streams, one by one",
    whileFrozen: false,
    run: async (client) => {
      for (let count = 0; count < 3; count++) {
        const result = await resultOf(client, await writer(client));
        equal(result["exitcode"], 3);
        for (const stream of ["out", "err"]) {
          equal(String(result[`${stream}-data`]).length, Math.ceil(4 * MEBIBYTE / 3) * 4);
          equal(result[`${stream}-truncated`], true);
        }
      }
    },
  },
  {
    name: "guest-exec with 20 MB on both streams, 6 whose results wait",
    whileFrozen: false,
    run: async (client) => {
      const pids: unknown[] = [];
      for (let count = 0; count < 6; count++) pids.push(await writer(client));
      for (const pid of pids) {
        const result = await resultOf(client, pid);
        equal(result["exitcode"], 3);
        equal(result["out-truncated"], true);
      }
    },
  },
  {
    name: "guest-exec with input-data of 5 MB that nobody reads, while other requests come",
    whileFrozen: false,
    run: async (client) => {
      const args = {
        path: "/bin/sleep",
        arg: ["3"],
        "input-data": new Uint8Array(5_000_000).toBase64(),
      };
      const first = await succeed(client, "guest-exec", args);
      for (let count = 0; count < 3; count++) {
        match(
          await fail(client, "guest-exec", args),
          /no room for input-data of 4\.8 MiB: .*64 MiB/,
        );
      }
      await pingOf(client, 7 * MEBIBYTE);
      equal((await resultOf(client, first["pid"]))["exitcode"], 0);
    },
  },
  {
    name: "paths and arguments of megabytes",
    whileFrozen: false,
    run: async (client) => {
      const long = "x".repeat(7 * MEBIBYTE);
      match(await fail(client, "guest-file-open", { path: long }), /too long/);
      match(await fail(client, "guest-exec", { path: long }), /too long/);
      match(await fail(client, "guest-exec", { path: "/bin/true", arg: [long] }), /too long/);
      match(await fail(client, long), /^The command xxx/);
      // What a request leaves is collected after its reply.
      await succeed(client, "guest-ping");
    },
  },
];

async function writer(client: GuestAgentClient): Promise<unknown> {
  const script = "head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; exit 3";
  const started = await succeed(client, "guest-exec", {
    path: "/bin/sh",
    arg: ["-c", script],
    "capture-output": true,
  });
  return started["pid"];
}

function resultOf(client: GuestAgentClient, pid: unknown): Promise<Reply> {
  return until(`program ${pid} has ended`, async () => {
    const status = await succeed(client, "guest-exec-status", { pid });
    return status["exited"] === true ? status : undefined;
  });
}

/** Scrapes metrics again and again until it is disposed of. */
function scraping(agent: ContainedAgent): AsyncDisposable {
  let stopped = false;
  const scrapes = (async () => {
    while (!stopped) {
      match(await agent.scrape(), /^qga_/m);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stopped = true;
      await scrapes;
    },
  };
}

/** Prints what is used, and says whether the kernel has killed anything. */
function look(agent: ContainedAgent, what: string): number {
  const { workingSet, anonymous, peak } = agent.cgroup.memory();
  const figures = [workingSet, anonymous, peak].map((each) => each.toFixed(1).padStart(5));
  const [set, anon, most] = figures;
  console.log(`${what.padEnd(72)} ${set} MiB, anonymous ${anon}, at most ${most}`);
  equal(agent.cgroup.kills(), 0, `${what}: the kernel has killed for want of memory`);
  return workingSet;
}

async function runAll(agent: ContainedAgent, loads: readonly Load[]): Promise<void> {
  for (const { name, run } of loads) {
    await using client = await agent.client();
    await run(client, agent);
    look(agent, name);
  }
}

/** Everything, thawed and as far as it goes frozen, and what is used at the end. */
async function withstand(options: readonly string[], loads: readonly Load[]): Promise<void> {
  await using agent = await ContainedAgent.start(LIMIT_MIB, options);
  const idle = look(agent, "idle");
  ok(idle <= MOST_IDLE_MIB, `${idle} MiB at rest`);
  {
    await using _scraping = scraping(agent);
    await runAll(agent, loads);
    {
      await using client = await agent.client();
      equal(await succeed(client, "guest-fsfreeze-freeze"), 1);
      look(agent, "frozen");
    }
    await runAll(agent, loads.filter(({ whileFrozen }) => whileFrozen));
    {
      await using client = await agent.client();
      match(await fail(client, "guest-file-read", { handle: 1000 }), DISABLED);
      equal(await succeed(client, "guest-fsfreeze-status"), "frozen");
      equal(await succeed(client, "guest-fsfreeze-thaw"), 1);
    }
    await runAll(agent, loads);
  }
  const after = look(agent, "after everything");
  ok(after <= MOST_AFTER_MIB, `${after} MiB after everything`);
}

Deno.test("in 64 MiB, with the default policy, nothing that a host sends kills the agent", async () => {
  await withstand(["--fsfreeze-timeout", "0"], REQUESTS);
});

Deno.test("in 64 MiB, with files and programs allowed, nothing that a host asks for kills it", async () => {
  const options = ["--block-rpcs", "guest-set-time", "--fsfreeze-timeout", "0"];
  await withstand(options, [...REQUESTS, ...FILES]);
});
