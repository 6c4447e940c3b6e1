import { member } from "./reply.ts";
import { base64, numberText, type Scenario, single, type Step } from "./scenario.ts";

const FILES = "/run/conformance/files";

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
          const text = numberText(member(opened, "return"), "1");
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

/** guest-file-*; each scenario begins with the same files. */
export const FILE_SCENARIOS: readonly Scenario[] = [
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
