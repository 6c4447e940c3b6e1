import { cString, Errno, type Libc, LibcError } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const CHUNK = 4096;
const PATH_MAX = 4096;
// Offset of d_name in struct dirent of 64-bit glibc.
const DIRENT_NAME_OFFSET = 19;

/**
 * Reads files and directories of the kernel's trees, and writes attributes. It goes through libc, because Deno refuses
 * literal paths under /proc, /sys and /dev to a program that does not have all permissions.
 */
export class KernelFiles {
  readonly #libc: Libc;
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * The whole text of a file.
   *
   * @throws LibcError when it cannot be opened or read
   */
  readText(path: string): string {
    const { open, read, close } = this.#libc.file;
    const fd = this.#libc.check(open(cString(path), O_RDONLY | O_CLOEXEC, 0), `open ${path}`);
    try {
      let text = "";
      const chunk = new Uint8Array(CHUNK);
      for (;;) {
        const count = this.#libc.check(read(fd, chunk, BigInt(chunk.length)), `read ${path}`);
        if (count === 0) return text + this.#decoder.decode();
        text += this.#decoder.decode(chunk.subarray(0, count), { stream: true });
      }
    } finally {
      close(fd);
    }
  }

  /**
   * The text of a one-line attribute without white space around it; undefined when there is no such
   * attribute or the kernel refuses to tell it.
   */
  readAttribute(path: string): string | undefined {
    try {
      return this.readText(path).trim();
    } catch (error) {
      if (error instanceof LibcError) return undefined;
      throw error;
    }
  }

  /**
   * The text of an attribute without white space around it; undefined when there is no such attribute.
   *
   * @throws LibcError when it is there and cannot be read
   */
  readAttributeIfPresent(path: string): string | undefined {
    try {
      return this.readText(path).trim();
    } catch (error) {
      if (error instanceof LibcError && error.errno === Errno.ENOENT) return undefined;
      throw error;
    }
  }

  /**
   * Writes to an attribute that exists, in one call: the kernel acts on each call by itself.
   *
   * @throws LibcError when it cannot be opened or the kernel refuses the text
   */
  writeText(path: string, text: string): void {
    const { open, write, close } = this.#libc.file;
    const fd = this.#libc.check(open(cString(path), O_WRONLY | O_CLOEXEC, 0), `open ${path}`);
    try {
      const bytes = this.#encoder.encode(text);
      this.#libc.check(write(fd, bytes, BigInt(bytes.length)), `write ${path}`);
    } finally {
      close(fd);
    }
  }

  /**
   * The names in a directory, sorted, without `.` and `..`; none when there is no such directory.
   *
   * @throws LibcError when it cannot be read for another reason
   */
  list(path: string): string[] {
    const { opendir, readdir, closedir } = this.#libc.directory;
    const directory = opendir(cString(path));
    if (directory === null) {
      const error = this.#libc.lastError(`open directory ${path}`);
      if (error.errno === Errno.ENOENT) return [];
      throw error;
    }
    try {
      const names: string[] = [];
      for (let entry = readdir(directory); entry !== null; entry = readdir(directory)) {
        const name = Deno.UnsafePointerView.getCString(entry, DIRENT_NAME_OFFSET);
        if (name !== "." && name !== "..") names.push(name);
      }
      return names.sort();
    } finally {
      closedir(directory);
    }
  }

  /** Where a symbolic link points, or undefined when the path is none or cannot be read. */
  readLink(path: string): string | undefined {
    const target = new Uint8Array(PATH_MAX);
    const length = this.#libc.directory.readlink(cString(path), target, BigInt(PATH_MAX));
    return length < 0 ? undefined : this.#decoder.decode(target.subarray(0, length));
  }

  /** Whether a path can be reached, whatever it is. */
  exists(path: string): boolean {
    const { open, close } = this.#libc.file;
    const fd = open(cString(path), O_PATH | O_CLOEXEC, 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
  }
}
