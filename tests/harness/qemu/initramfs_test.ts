import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { sharedLibraries } from "./architecture.ts";
import { writeInitramfs } from "./initramfs.ts";
import { findKernel, readModules } from "./kernel.ts";
import { type ArchiveEntry, newcArchive } from "./newc.ts";
import { findProgram } from "./programs.ts";

/** What busybox's cpio lists of an archive, a line a member. */
async function list(archive: string): Promise<string[]> {
  using file = await Deno.open(archive);
  const child = new Deno.Command(await findProgram("busybox"), {
    args: ["cpio", "-tv"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const [{ success, stdout }] = await Promise.all([
    child.output(),
    file.readable.pipeTo(child.stdin),
  ]);
  ok(success, "cpio cannot read the archive");
  return new TextDecoder().decode(stdout).trim().split("\n");
}

async function temporaryFile(): Promise<{ path: string } & AsyncDisposable> {
  const directory = await Deno.makeTempDir();
  return {
    path: `${directory}/archive`,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

Deno.test("cpio reads an archive of all kinds of members", async () => {
  await using archive = await temporaryFile();
  const entries: ArchiveEntry[] = [
    { kind: "directory", path: "dev" },
    { kind: "character-device", path: "dev/null", mode: 0o666, major: 1, minor: 3 },
    { kind: "file", path: "tool", mode: 0o755, body: new Uint8Array([1, 2, 3, 4, 5]) },
    { kind: "symlink", path: "link", target: "tool" },
  ];
  await Deno.writeFile(archive.path, ReadableStream.from(newcArchive(entries)));
  const fields = (await list(archive.path)).map((line) => line.split(/\s+/));
  deepEqual(fields.map(([mode]) => mode), ["drwxr-xr-x", "crw-rw-rw-", "-rwxr-xr-x", "lrwxrwxrwx"]);
  deepEqual(fields.map((columns) => columns.at(-1)), ["dev", "dev/null", "tool", "tool"]);
  // busybox does not list the numbers of a device: in the header they are before the name's size.
  match(await Deno.readTextFile(archive.path), /0000000100000003000000090{8}dev\/null\0/);
  match(fields[2]?.join(" ") ?? "", / 5 /);
});

Deno.test("modules come after those that they depend on", async () => {
  const names = (await readModules(await findKernel(), ["virtio_net"])).map(({ name }) => name);
  equal(names.at(-1), "virtio_net");
  deepEqual(names.filter((name) => name.includes("failover")), ["failover", "net_failover"]);
  ok(names.indexOf("virtio_ring") < names.indexOf("virtio_net"));
  equal(new Set(names).size, names.length);
});

Deno.test("a module that is built in is left out, an unknown one is an error", async () => {
  const kernel = await findKernel();
  deepEqual(await readModules(kernel, ["ext4"]), []);
  await rejects(readModules(kernel, ["no_such"]), /has no module no_such/);
});

Deno.test("a program comes with its libraries, files of the caller win", async () => {
  await using archive = await temporaryFile();
  const program = Deno.execPath();
  const size = await writeInitramfs(archive.path, {
    kernel: await findKernel(),
    modules: ["virtio_console"],
    programs: { "/opt/agent": program },
    files: { "/opt/new/file": "text", "/bin/ls": { content: "#!/bin/sh\n", mode: 0o755 } },
  });
  equal((await Deno.stat(archive.path)).size, size);
  const members = await list(archive.path);
  const one = (path: string): string => {
    const found = members.filter((line) => line.endsWith(` ${path}`));
    equal(found.length, 1, `${path} is there ${found.length} times`);
    return found[0] ?? "";
  };
  for (const library of await sharedLibraries(program)) one(library.path.slice(1));
  match(one("opt/agent"), /^-rwxr-xr-x/);
  match(one("opt/new"), /^drwxr-xr-x/);
  match(one("bin/ls"), /^-rwxr-xr-x/);
  match(one("init"), /^-rwxr-xr-x/);
  match(one("host/root/etc/os-release"), /^-rw-r--r--/);
  one("lib/modules/virtio_console.ko");
});
