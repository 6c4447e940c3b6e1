import { AMD64, type Architecture, findBusybox, sharedLibraries } from "./architecture.ts";
import { type Kernel, readModules } from "./kernel.ts";
import { type ArchiveEntry, newcArchive } from "./newc.ts";

/** A file that a guest gets besides those of every guest: its text or bytes, or with permissions. */
export type GuestFile = string | Uint8Array | {
  /** What is in it. */
  readonly content: string | Uint8Array;
  /** Permission bits, such as 0o755. */
  readonly mode: number;
};

/** What goes into an initramfs besides the tree that every guest has (`rootfs/`). */
export interface InitramfsContents {
  /** The kernel whose modules are taken. */
  readonly kernel: Kernel;
  /** Modules to load at the start; what they depend on comes along. */
  readonly modules: readonly string[];
  /** Whose busybox the guest gets, with all its applets. Default: amd64. */
  readonly architecture?: Architecture;
  /** Programs, absolute path in the guest to path on this machine; their libraries come along. */
  readonly programs: Readonly<Record<string, string>>;
  /** Files by absolute path in the guest; they win over everything else. */
  readonly files: Readonly<Record<string, GuestFile>>;
}

/** Directories that the guest mounts something on. */
const MOUNT_POINTS = ["/dev", "/proc", "/sys", "/run", "/tmp", "/host/proc", "/host/sys"];

const encoder = new TextEncoder();

/**
 * Writes an initramfs, uncompressed: unpacking takes the guest longer than QEMU needs to read it.
 * Neither root nor a cpio program is needed. Gives the size in bytes.
 *
 * @throws {Error} if a program, a library of it or a module is missing.
 */
export async function writeInitramfs(path: string, contents: InitramfsContents): Promise<number> {
  const tree = new Tree();
  for (const directory of [...MOUNT_POINTS, "/host/dev", "/host/root"]) tree.directory(directory);
  // The kernel opens it for the first process, before that can mount anything on /dev.
  tree.add({ kind: "character-device", path: "/dev/console", mode: 0o600, major: 5, minor: 1 });
  tree.add({ kind: "character-device", path: "/dev/null", mode: 0o666, major: 1, minor: 3 });
  const { architecture = AMD64 } = contents;
  await addBusybox(tree, architecture);
  await addModules(tree, contents);
  await addDirectory(tree, "", new URL("./rootfs", import.meta.url).pathname);
  for (const [guestPath, program] of Object.entries(contents.programs)) {
    await addProgram(tree, guestPath, program, architecture);
  }
  for (const [guestPath, file] of Object.entries(contents.files)) {
    const { content, mode } = typeof file === "object" && "content" in file
      ? file
      : { content: file, mode: 0o644 };
    const body = typeof content === "string" ? encoder.encode(content) : content;
    tree.add({ kind: "file", path: guestPath, body, mode });
  }
  return await writePieces(path, newcArchive(tree.entries()));
}

/** The members of an archive by absolute path, directories before what is in them. */
class Tree {
  readonly #members = new Map<string, ArchiveEntry>();

  directory(path: string): void {
    if (path === "" || this.#members.has(path)) return;
    this.directory(path.slice(0, path.lastIndexOf("/")));
    this.#members.set(path, { kind: "directory", path: path.slice(1) });
  }

  add(entry: ArchiveEntry): void {
    this.directory(entry.path.slice(0, entry.path.lastIndexOf("/")));
    this.#members.set(entry.path, { ...entry, path: entry.path.slice(1) });
  }

  entries(): Iterable<ArchiveEntry> {
    return this.#members.values();
  }
}

async function addBusybox(tree: Tree, architecture: Architecture): Promise<void> {
  const busybox = await findBusybox(architecture);
  const [program = "", ...args] = [...architecture.emulator, busybox, "--list"];
  const { success, stdout } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${busybox} --list failed: is it a busybox?`);
  for (const applet of new TextDecoder().decode(stdout).trim().split("\n")) {
    tree.add({ kind: "symlink", path: `/bin/${applet}`, target: "busybox" });
  }
  await addProgram(tree, "/bin/busybox", busybox, architecture);
}

async function addModules(tree: Tree, { kernel, modules }: InitramfsContents): Promise<void> {
  let list = "";
  for (const { name, object } of await readModules(kernel, modules)) {
    const path = `/lib/modules/${name}.ko`;
    tree.add({ kind: "file", path, body: object, mode: 0o644 });
    list += `${path}\n`;
  }
  tree.add({ kind: "file", path: "/etc/modules", body: encoder.encode(list), mode: 0o644 });
}

async function addProgram(
  tree: Tree,
  guestPath: string,
  program: string,
  architecture: Architecture,
): Promise<void> {
  for (const { path, source } of await sharedLibraries(program, architecture)) {
    tree.add({ kind: "file", path, body: await Deno.readFile(source), mode: 0o755 });
  }
  tree.add({ kind: "file", path: guestPath, body: await Deno.readFile(program), mode: 0o755 });
}

/** Adds a directory of this machine with all that is in it. */
async function addDirectory(tree: Tree, guestPath: string, directory: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const source = `${directory}/${name}`;
    const path = `${guestPath}/${name}`;
    if (isDirectory) {
      await addDirectory(tree, path, source);
    } else {
      const { mode } = await Deno.stat(source);
      const permissions = (mode ?? 0) & 0o111 ? 0o755 : 0o644;
      tree.add({ kind: "file", path, body: await Deno.readFile(source), mode: permissions });
    }
  }
}

/** Writes a new file of pieces, and gives its size in bytes. */
export async function writePieces(path: string, pieces: Iterable<Uint8Array>): Promise<number> {
  using file = await Deno.open(path, { write: true, createNew: true });
  let size = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    size += piece.length;
  }
  return size;
}
