import { FakeTalosApi } from "../../agent/testing/fake_talos_api_process.ts";
import { member, type ReplyValue } from "./reply.ts";

/** A request whose arguments may come out of the replies to those before it. */
export interface Step {
  readonly command: string;
  /** JSON text of the arguments; left out when there is none. */
  readonly arguments?: string | ((replies: readonly ReplyValue[]) => string);
  /** Where only the type must be the same. */
  readonly volatile?: RegExp;
  /** The request is repeated until the reply is as this says. */
  readonly until?: (reply: ReplyValue | undefined) => boolean;
}

/** Requests that belong together, with right arguments; the commands of the steps are its subject. */
export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Sets up what the steps need in the directory; runs for each agent. */
  readonly prepare?: (directory: string) => Promise<AsyncDisposable | void>;
  /** What the steps have left in the directory; it must be the same. */
  readonly inspect?: (directory: string) => Promise<string>;
  /** What qemu-ga 7.2 does not have: ours alone runs, and its last reply must be this JSON. */
  readonly oursAlone?: string;
}

const FILES = "/run/conformance/files";

const base64 = (text: string): string => new TextEncoder().encode(text).toBase64();

/** A scenario of one request. */
function single(command: string, args?: string, more: Partial<Step & Scenario> = {}): Scenario {
  const { volatile, prepare, inspect } = more;
  return {
    name: args === undefined ? command : `${command} ${args}`,
    steps: [{
      command,
      ...(args === undefined ? {} : { arguments: args }),
      ...(volatile === undefined ? {} : { volatile }),
    }],
    ...(prepare === undefined ? {} : { prepare }),
    ...(inspect === undefined ? {} : { inspect }),
  };
}

/** An empty directory `files`, and in it what the steps read. */
async function prepareFiles(directory: string): Promise<void> {
  const files = `${directory}/files`;
  await Deno.remove(files, { recursive: true }).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(`${files}/directory`, { recursive: true });
  await Deno.writeTextFile(`${files}/text`, "0123456789");
  await Deno.writeTextFile(`${files}/empty`, "");
  await Deno.writeFile(`${files}/large`, new Uint8Array(10_000).fill(0x61));
}

/** Names, modes and contents of what is in `files`. */
async function inspectFiles(directory: string): Promise<string> {
  const lines: string[] = [];
  for await (const { name, isFile } of Deno.readDir(`${directory}/files`)) {
    if (!isFile) continue;
    const { mode } = await Deno.stat(`${directory}/files/${name}`);
    const text = await Deno.readTextFile(`${directory}/files/${name}`);
    lines.push(`${name} ${mode?.toString(8)} ${JSON.stringify(text.slice(0, 200))}`);
  }
  return lines.sort().join("\n");
}

type FileCommand = "close" | "read" | "write" | "seek" | "flush";

/** Opens a file and does things with it; the steps' arguments come behind the handle. */
function file(
  name: string,
  [path, mode]: readonly [string, string?],
  actions: readonly (readonly [FileCommand, string?])[],
): Scenario {
  const open = { path: path.startsWith("/") ? path : `${FILES}/${path}`, ...(mode && { mode }) };
  return {
    name: `guest-file: ${name}`,
    prepare: prepareFiles,
    inspect: inspectFiles,
    steps: [
      { command: "guest-file-open", arguments: JSON.stringify(open), volatile: /^return$/ },
      ...actions.map(([action, rest]): Step => ({
        command: `guest-file-${action}`,
        arguments: ([opened]) => {
          const handle = member(opened, "return");
          const text = handle === undefined ? "1" : (handle as { text: string }).text;
          return `{"handle":${text}${rest === undefined ? "" : `,${rest}`}}`;
        },
      })),
    ],
  };
}

const write = (text: string, count?: number): readonly [FileCommand, string] => [
  "write",
  `"buf-b64":"${base64(text)}"${count === undefined ? "" : `,"count":${count}`}`,
];
const seek = (offset: number, whence: number | string): readonly [FileCommand, string] => [
  "seek",
  `"offset":${offset},"whence":${JSON.stringify(whence)}`,
];
const read = (count?: number): readonly [FileCommand, string?] =>
  count === undefined ? ["read"] : ["read", `"count":${count}`];
const CLOSE: readonly [FileCommand] = ["close"];
const FLUSH: readonly [FileCommand] = ["flush"];

const FILE_SCENARIOS: readonly Scenario[] = [
  file("write, seek, read", ["new", "w+"], [
    write("hello world"),
    FLUSH,
    seek(0, "set"),
    read(5),
    read(100),
    read(),
    seek(-5, "end"),
    read(5),
    read(1),
    seek(0, 0),
    seek(1, 1),
    seek(-1, 2),
    seek(3, "cur"),
    seek(-100, "cur"),
    read(),
    CLOSE,
    CLOSE,
  ]),
  file("read to the end", ["text"], [read(10), read(10), read(), seek(0, "set"), read(0), CLOSE]),
  file("read more than a buffer", ["large", "rb"], [read(), read(8192), read(), CLOSE]),
  file("an empty file", ["empty", "r"], [read(0), read(1), CLOSE]),
  file("write in pieces", ["new", "wb"], [write("abcdef", 3), write("x", 0), write(""), CLOSE]),
  file("write more than there is", ["new", "w"], [write("abc", 4), write("abc", -1), CLOSE]),
  file("append", ["text", "a"], [write("X"), seek(0, "set"), write("Y"), FLUSH, CLOSE]),
  file("append and read", ["text", "a+"], [read(3), write("X"), seek(0, "set"), read(), CLOSE]),
  file("update", ["text", "r+"], [read(2), write("XX"), read(2), seek(0, 0), read(), CLOSE]),
  file("truncate", ["text", "w"], [CLOSE]),
  file("read what is written only", ["new", "w"], [read(), CLOSE]),
  file("write what is read only", ["text", "r"], [write("x"), FLUSH, CLOSE]),
  file("read a directory", ["directory"], [read(), CLOSE]),
  file("write a directory", ["directory", "w"], []),
  file("no file", ["missing"], []),
  file("no directory", ["missing/file", "w"], []),
  file("a wrong mode", ["text", "rw"], []),
  file("an empty mode", ["text", ""], []),
  file("an empty path", [""], []),
  file("read counts", ["text"], [read(-1), read(50331649), read(2 ** 40), read(3), CLOSE]),
  file("seek wrongly", ["text"], [
    seek(0, 9),
    seek(0, -1),
    seek(0, "foo"),
    seek(0, ""),
    seek(-1, "set"),
    seek(2 ** 40, "set"),
    read(),
    CLOSE,
  ]),
  file("base64 that is not quite", ["new", "w"], [
    ["write", '"buf-b64":"YWI"'],
    ["write", '"buf-b64":"YWJj\\nYWJj\\n"'],
    ["write", '"buf-b64":"YQ==YQ=="'],
    ["write", '"buf-b64":"YWJj\\r\\n"'],
    ["write", '"buf-b64":"YW Jj"'],
    ["write", '"buf-b64":"!"'],
    ["write", '"buf-b64":"YQ==","count":2'],
    CLOSE,
  ]),
  file("closed twice", ["text"], [CLOSE, CLOSE, read()]),
  file("a device", ["/dev/null", "r+"], [write("x"), read(), CLOSE]),
  ...["rb", "wb", "a+b", "ab+", "r+b", "rb+", "w+b", "wb+", "ab"].map((mode) =>
    file(`mode ${mode}`, ["text", mode], [write("X"), seek(0, "set"), read(), CLOSE])
  ),
  ...["close", "flush", "read"].map((action) => single(`guest-file-${action}`, '{"handle":1}')),
  single("guest-file-write", '{"handle":-1,"buf-b64":"YQ=="}'),
  single("guest-file-seek", '{"handle":9223372036854775807,"offset":0,"whence":0}'),
];

/** Whether a reply of guest-exec-status is the last one. */
const hasExited = (reply: ReplyValue | undefined): boolean =>
  member(member(reply, "return"), "exited") !== false;

/** Starts a program and waits for its end; the record is gone after that. */
function exec(name: string, args: Record<string, unknown>, oursAlone?: string): Scenario {
  const status: Step = {
    command: "guest-exec-status",
    arguments: ([started]) => {
      const pid = member(member(started, "return"), "pid");
      return `{"pid":${pid === undefined ? "1" : (pid as { text: string }).text}}`;
    },
    until: hasExited,
  };
  return {
    name: `guest-exec: ${name}`,
    steps: [
      { command: "guest-exec", arguments: JSON.stringify(args), volatile: /^return\.pid$/ },
      status,
      ...(oursAlone === undefined ? [status] : []),
    ],
    ...(oursAlone === undefined ? {} : { oursAlone }),
  };
}

const shell = (script: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  path: "/bin/sh",
  arg: ["-c", script],
  "capture-output": true,
  ...more,
});
const BOTH_STREAMS = "echo out; echo err >&2";

const EXEC_SCENARIOS: readonly Scenario[] = [
  exec("output of both streams", shell(BOTH_STREAMS)),
  exec("no output", shell("exit 0")),
  exec("one stream", shell("echo err >&2")),
  exec("exit code", shell("exit 42")),
  exec("signal", shell("kill -9 $$")),
  exec("output is not wanted", shell(BOTH_STREAMS, { "capture-output": false })),
  exec("output is not mentioned", { path: "/bin/true" }),
  exec("input", shell("cat; echo end", { "input-data": base64("a line\n") })),
  exec("empty input", shell("cat; echo end", { "input-data": "" })),
  exec("input that nobody reads", shell("exec <&-; echo end", { "input-data": base64("x") })),
  exec("without input", shell("cat; echo end")),
  exec("environment", { path: "/usr/bin/env", env: ["A=1", "B=x y"], "capture-output": true }),
  exec("empty environment", { path: "/usr/bin/env", env: [], "capture-output": true }),
  exec("search of PATH", { path: "echo", arg: ["a", "", "b c"], "capture-output": true }),
  exec("binary output", shell("printf '\\377\\000\\200'")),
  exec("a child that keeps the stream open", shell("(sleep 0.2; echo late) & echo soon")),
  exec("large output", shell("head -c 300000 /dev/zero | tr '\\0' a")),
  exec("more output than is kept", shell("head -c 17000000 /dev/zero")),
  exec("no such program", { path: "/nonexistent/program" }),
  exec("no such program in PATH", { path: "nonexistent-program" }),
  exec("not executable", { path: "/etc/hostname" }),
  exec("a directory", { path: "/tmp" }),
  exec("empty path", { path: "" }),
  exec("wrong base64", { path: "/bin/cat", "input-data": "!" }),
  single("guest-exec-status", '{"pid":1}'),
  single("guest-exec-status", '{"pid":-1}'),
  single("guest-exec-status", '{"pid":9223372036854775807}'),
  exec(
    "mode none",
    shell(BOTH_STREAMS, { "capture-output": "none" }),
    '{"exited": true, "exitcode": 0}',
  ),
  exec(
    "mode stdout",
    shell(BOTH_STREAMS, { "capture-output": "stdout" }),
    `{"exited": true, "exitcode": 0, "out-data": "${base64("out\n")}", "out-truncated": false}`,
  ),
  exec(
    "mode stderr",
    shell(BOTH_STREAMS, { "capture-output": "stderr" }),
    `{"exited": true, "exitcode": 0, "err-data": "${base64("err\n")}", "err-truncated": false}`,
  ),
  exec(
    "mode separated",
    shell(BOTH_STREAMS, { "capture-output": "separated" }),
    `{"exited": true, "exitcode": 0, "out-data": "${base64("out\n")}", "out-truncated": false, ` +
      `"err-data": "${base64("err\n")}", "err-truncated": false}`,
  ),
  exec(
    "mode merged",
    shell(BOTH_STREAMS, { "capture-output": "merged" }),
    `{"exited": true, "exitcode": 0, "out-data": "${base64("out\nerr\n")}", ` +
      `"out-truncated": false}`,
  ),
];

const step = (command: string, args?: string, volatile?: RegExp): Step => ({
  command,
  ...(args === undefined ? {} : { arguments: args }),
  ...(volatile === undefined ? {} : { volatile }),
});

const STATUS = step("guest-fsfreeze-status");
const THAW = step("guest-fsfreeze-thaw");

/** The two file systems of the sandbox are frozen, and none besides. */
const FREEZE_SCENARIOS: readonly Scenario[] = [
  single("guest-fsfreeze-status"),
  single("guest-fsfreeze-thaw"),
  {
    name: "guest-fsfreeze: freeze and thaw",
    steps: [step("guest-fsfreeze-freeze"), STATUS, THAW, STATUS, THAW],
  },
  {
    name: "guest-fsfreeze: what runs while frozen",
    steps: [
      step("guest-fsfreeze-freeze"),
      step("guest-ping"),
      step("guest-sync", '{"id":5}'),
      step("guest-info", undefined, /version/),
      step("guest-fsfreeze-freeze"),
      step("guest-fsfreeze-freeze-list", '{"mountpoints":["/mnt/first"]}'),
      step("guest-get-time"),
      step("guest-get-fsinfo"),
      step("guest-file-open", '{"path":"/etc/hostname"}'),
      step("guest-exec", '{"path":"/bin/true"}'),
      step("guest-fstrim"),
      step("guest-nonexistent"),
      step("guest-shutdown", '{"mode":"dance"}'),
      STATUS,
      THAW,
      step("guest-ping"),
    ],
  },
  ...[
    '{"mountpoints":["/mnt/second"]}',
    '{"mountpoints":["/mnt/first","/mnt/second"]}',
    '{"mountpoints":["/mnt/first","/nonexistent"]}',
    '{"mountpoints":["/mnt/first/"]}',
    '{"mountpoints":[]}',
    "{}",
  ].map((list): Scenario => ({
    name: `guest-fsfreeze-freeze-list ${list}`,
    steps: [step("guest-fsfreeze-freeze-list", list), STATUS, THAW, STATUS],
  })),
  single("guest-fstrim", undefined, { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":0}', { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":65536}', { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":-1}', { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":9223372036854775807}', { volatile: /trimmed$/ }),
];

/** The sandbox's processors and memory blocks, as it was started. */
async function restoreSysfs(directory: string): Promise<void> {
  const attributes = {
    "cpu/cpu1/online": "1\n",
    "cpu/cpu2/online": "0\n",
    "memory-blocks/memory0/state": "online\n",
    "memory-blocks/memory1/state": "offline\n",
    "memory-blocks/memory32/state": "online\n",
    "power/state": "freeze mem disk\n",
  };
  for (const [path, text] of Object.entries(attributes)) {
    await Deno.writeTextFile(`${directory}/${path}`, text);
  }
}

/** The first letters of the attributes: in a file, what is written covers the beginning only. */
async function inspectSysfs(directory: string): Promise<string> {
  const read = (path: string) => Deno.readTextFile(`${directory}/${path}`);
  const states = ["memory0", "memory1", "memory32"].map((name) =>
    read(`memory-blocks/${name}/state`)
  );
  return JSON.stringify([
    (await read("cpu/cpu1/online")).slice(0, 1),
    (await read("cpu/cpu2/online")).slice(0, 1),
    ...(await Promise.all(states)).map((text) => text.slice(0, 3)),
    (await read("power/state")).slice(0, 3),
  ]);
}

const SYSFS = { prepare: restoreSysfs, inspect: inspectSysfs };
const vcpus = (...list: readonly string[]): Scenario =>
  single("guest-set-vcpus", `{"vcpus":[${list.join()}]}`, SYSFS);
const blocks = (...list: readonly string[]): Scenario =>
  single("guest-set-memory-blocks", `{"mem-blks":[${list.join()}]}`, SYSFS);

const SYSFS_SCENARIOS: readonly Scenario[] = [
  single("guest-get-vcpus", undefined, SYSFS),
  vcpus(),
  vcpus('{"logical-id":1,"online":false}'),
  vcpus('{"logical-id":1,"online":true}'),
  vcpus('{"logical-id":2,"online":true,"can-offline":false}', '{"logical-id":1,"online":false}'),
  vcpus('{"logical-id":0,"online":true}'),
  vcpus('{"logical-id":0,"online":false}'),
  vcpus('{"logical-id":1,"online":false}', '{"logical-id":0,"online":false}'),
  vcpus('{"logical-id":999,"online":true}'),
  vcpus('{"logical-id":2,"online":true}', '{"logical-id":999,"online":true}'),
  vcpus('{"logical-id":-1,"online":true}'),
  single("guest-get-memory-blocks", undefined, SYSFS),
  single("guest-get-memory-block-info", undefined, SYSFS),
  blocks(),
  blocks('{"phys-index":1,"online":true}', '{"phys-index":32,"online":false}'),
  blocks('{"phys-index":0,"online":true,"can-offline":true}'),
  blocks('{"phys-index":0,"online":false}'),
  blocks('{"phys-index":999,"online":true}', '{"phys-index":1,"online":true}'),
  blocks('{"phys-index":18446744073709551615,"online":true}'),
  blocks('{"phys-index":-1,"online":true}'),
  single("guest-suspend-disk", undefined, SYSFS),
  single("guest-suspend-ram", undefined, SYSFS),
  single("guest-suspend-hybrid", undefined, SYSFS),
];

/** A Talos API for ours; qemu-ga runs the sandbox's /sbin/shutdown. */
async function startTalos(directory: string): Promise<AsyncDisposable> {
  const api = await FakeTalosApi.start({ hostname: "conformance" });
  const text = await api.talosconfig({ roles: ["os:operator"] });
  await Deno.writeTextFile(`${directory}/talosconfig`, text);
  return api;
}

/** Commands that set what belongs to the whole machine; the sandbox keeps both agents from it. */
const MACHINE_SCENARIOS: readonly Scenario[] = [
  {
    name: "guest-shutdown",
    prepare: startTalos,
    steps: [
      step("guest-shutdown", '{"mode":"reboot"}'),
      step("guest-shutdown"),
      step("guest-shutdown", '{"mode":"powerdown"}'),
      step("guest-shutdown", '{"mode":"halt"}'),
      step("guest-shutdown", '{"mode":"dance"}'),
      step("guest-shutdown", '{"mode":""}'),
    ],
  },
  single("guest-set-time"),
  single("guest-set-time", '{"time":0}'),
  single("guest-set-time", '{"time":1800000000000000000}'),
  single("guest-set-time", '{"time":-1}'),
  single("guest-set-time", '{"time":-1000000000000}'),
  single("guest-set-time", '{"time":3155759999999999999}'),
  single("guest-set-time", '{"time":3155760000000000000}'),
  single("guest-set-time", '{"time":9223372036854775807}'),
  single("guest-set-user-password", '{"username":"nobody","password":"eA==","crypted":false}'),
  single("guest-ssh-get-authorized-keys", '{"username":"nobody"}'),
  single("guest-ssh-add-authorized-keys", '{"username":"nobody","keys":["ssh-rsa x"]}'),
  single("guest-ssh-remove-authorized-keys", '{"username":"nobody","keys":["ssh-rsa x"]}'),
];

const IDS = ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "-0"];

const FACT_SCENARIOS: readonly Scenario[] = [
  ...IDS.flatMap((id) => [
    single("guest-sync", `{"id":${id}}`),
    single("guest-sync-delimited", `{"id":${id}}`),
  ]),
  single("guest-ping"),
  single("guest-ping", "{}"),
  single("guest-info", undefined, { volatile: /^return\.version$/ }),
  single("guest-get-time", undefined, { volatile: /^return$/ }),
  single("guest-get-timezone"),
  single("guest-get-host-name"),
  single("guest-get-osinfo"),
  single("guest-get-users"),
  single("guest-get-load", undefined, { volatile: /^return\./ }),
  single("guest-network-get-interfaces", undefined, { volatile: /statistics\./ }),
  single("guest-network-get-route"),
  single("guest-get-fsinfo"),
  single("guest-get-disks"),
  single("guest-get-diskstats", undefined, { volatile: /\.stats\./ }),
  single("guest-get-cpustats", undefined, {
    volatile: /\.(user|nice|system|idle|iowait|irq|softirq|steal|guest|guestnice)$/,
  }),
];

/** Every command with right arguments. */
export const SCENARIOS: readonly Scenario[] = [
  ...FACT_SCENARIOS,
  ...SYSFS_SCENARIOS,
  ...FILE_SCENARIOS,
  ...EXEC_SCENARIOS,
  ...FREEZE_SCENARIOS,
  ...MACHINE_SCENARIOS,
];
