import { decodeText } from "./decode_text.ts";
import { Errno, type Libc, OpenFlag } from "./libc.ts";

const BUFFER_SIZE = 32 * 1024;
const BUFFER_LENGTH = BigInt(BUFFER_SIZE);
// The kernel gives less than this at a time of what it prints for a reader.
const CHUNK_SIZE = 8 * 1024;
const CHUNK_LENGTH = BigInt(CHUNK_SIZE);
const PATH_MAX = 4096n;
const AT_FDCWD = -100;
const ABSENT: readonly number[] = [Errno.ENOENT];
// Offsets in struct linux_dirent64 (getdents64(2)).
const ENTRY_LENGTH_OFFSET = 16;
const ENTRY_NAME_OFFSET = 19;

/** A file or directory that is held open. */
export interface OpenDescriptor extends Disposable {
  readonly fd: number;
}

/**
 * Reads files and directories of the kernel's trees. It goes through libc, because Deno refuses
 * literal paths under /proc, /sys and /dev to a program that does not have all permissions. Some
 * commands read hundreds of files, so nothing is allocated for each.
 */
export class KernelFiles {
  readonly #libc: Libc;
  readonly #shown: (path: string) => string;
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  readonly #view = new DataView(this.#buffer.buffer);

  /** @param shown a path as errors have it; as it is when left out */
  constructor(libc: Libc, shown: (path: string) => string = (path) => path) {
    this.#libc = libc;
    this.#shown = shown;
  }

  /**
   * The whole text of a file.
   *
   * @throws LibcError when it cannot be opened or read
   */
  readText(path: string): string {
    const fd = this.#open(path, OpenFlag.RDONLY);
    if (fd < 0) throw this.#libc.lastError(`open ${this.#shown(path)}`);
    return this.#wholeText(fd, path);
  }

  /**
   * As `readText`, but undefined for a file that is not there.
   *
   * @throws LibcError when it is there and cannot be opened or read
   */
  readTextIfPresent(path: string): string | undefined {
    const fd = this.#libc.outcome(() => this.#open(path, OpenFlag.RDONLY), ABSENT);
    if (fd >= 0) return this.#wholeText(fd, path);
    if (fd === -Errno.ENOENT) return undefined;
    throw this.#libc.errorOf(-fd, `open ${this.#shown(path)}`);
  }

  /**
   * The bytes of a file in the chunks in which the kernel gives them, a page or less of most tables. It is
   * opened when the first one is asked for. A chunk is valid until the next one is asked for.
   *
   * @throws LibcError when it cannot be opened or read
   */
  *readChunks(path: string): Generator<Uint8Array, void, void> {
    const fd = this.#open(path, OpenFlag.RDONLY);
    if (fd < 0) throw this.#libc.lastError(`open ${this.#shown(path)}`);
    // Its own: others use the common one between two chunks.
    const buffer = new Uint8Array(CHUNK_SIZE);
    try {
      for (;;) {
        const count = this.#libc.frequent.read(fd, buffer, CHUNK_LENGTH);
        if (count < 0) throw this.#libc.lastError(`read ${this.#shown(path)}`);
        if (count === 0) return;
        yield buffer.subarray(0, count);
      }
    } finally {
      this.#libc.frequent.close(fd);
      // At once, not by the next garbage collection.
      buffer.buffer.transfer(0);
    }
  }

  /**
   * The text of an attribute of sysfs, or of a file of 32 KiB at most, without white space around it:
   * what one read(2) gives. Undefined when it is not there or the kernel refuses to tell it.
   */
  readAttribute(path: string): string | undefined {
    const fd = this.#open(path, OpenFlag.RDONLY);
    if (fd < 0) return undefined;
    const count = this.#read(fd);
    this.#libc.frequent.close(fd);
    return count < 0 ? undefined : this.#attribute(count);
  }

  /**
   * As `readAttribute`, but only what is not there is undefined.
   *
   * @param directory where a relative path begins
   * @throws LibcError when it is there and cannot be read
   */
  readAttributeIfPresent(path: string, directory?: OpenDescriptor): string | undefined {
    const fd = this.#libc.outcome(() => this.#open(path, OpenFlag.RDONLY, directory), ABSENT);
    if (fd < 0) {
      if (fd === -Errno.ENOENT) return undefined;
      throw this.#libc.errorOf(-fd, `open ${this.#shown(path)}`);
    }
    try {
      const count = this.#read(fd);
      if (count < 0) throw this.#libc.lastError(`read ${this.#shown(path)}`);
      return this.#attribute(count);
    } finally {
      this.#libc.frequent.close(fd);
    }
  }

  /**
   * Opens a file that is not read through this descriptor: poll(2) on it reports changes.
   *
   * @throws LibcError when it cannot be opened
   */
  openToPoll(path: string): OpenDescriptor {
    const fd = this.#libc.check(this.#open(path, OpenFlag.RDONLY), `open ${this.#shown(path)}`);
    return { fd, [Symbol.dispose]: () => void this.#libc.frequent.close(fd) };
  }

  /**
   * Opens a directory for who reads many files in it: finding each from the root on takes the kernel a
   * quarter of the time.
   *
   * @throws LibcError when it cannot be opened
   */
  openDirectory(path: string): OpenDescriptor {
    const fd = this.#libc.check(
      this.#open(path, OpenFlag.PATH),
      `open directory ${this.#shown(path)}`,
    );
    return { fd, [Symbol.dispose]: () => void this.#libc.frequent.close(fd) };
  }

  /**
   * Writes to an attribute that exists, in one call: the kernel acts on each call by itself.
   *
   * @throws LibcError when it cannot be opened or the kernel refuses the text
   */
  writeText(path: string, text: string): void {
    const { write, close } = this.#libc.frequent;
    const fd = this.#libc.check(this.#open(path, OpenFlag.WRONLY), `open ${this.#shown(path)}`);
    try {
      const bytes = this.#encoder.encode(text);
      this.#libc.check(write(fd, bytes, BigInt(bytes.length)), `write ${this.#shown(path)}`);
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
    // Without O_DIRECTORY, whose number arm64 has for O_DIRECT.
    const fd = this.#libc.outcome(() => this.#open(path, OpenFlag.RDONLY), ABSENT);
    if (fd < 0) {
      if (fd === -Errno.ENOENT) return [];
      throw this.#libc.errorOf(-fd, `open directory ${this.#shown(path)}`);
    }
    try {
      const names: string[] = [];
      for (;;) {
        const length = this.#libc.frequent.getdents64(fd, this.#buffer, BUFFER_LENGTH);
        if (length < 0) throw this.#libc.lastError(`read directory ${this.#shown(path)}`);
        if (length === 0) return names.sort();
        for (let offset = 0; offset < length;) {
          const name = this.#entryName(offset);
          if (name !== "." && name !== "..") names.push(name);
          offset += this.#view.getUint16(offset + ENTRY_LENGTH_OFFSET, true);
        }
      }
    } finally {
      this.#libc.frequent.close(fd);
    }
  }

  /** Where a symbolic link points, or undefined when the path is none or cannot be read. */
  readLink(path: string): string | undefined {
    const length = this.#libc.frequent.readlink(this.#cString(path), this.#buffer, PATH_MAX);
    return length < 0 ? undefined : decodeText(this.#decoder, this.#buffer, 0, length);
  }

  /** Whether a path can be reached, whatever it is. */
  exists(path: string): boolean {
    const fd = this.#open(path, OpenFlag.PATH);
    if (fd >= 0) this.#libc.frequent.close(fd);
    return fd >= 0;
  }

  #open(path: string, flags: number, directory?: OpenDescriptor): number {
    const at = directory?.fd ?? AT_FDCWD;
    return this.#libc.frequent.openat(at, this.#cString(path), flags | OpenFlag.CLOEXEC, 0);
  }

  /** Closes the descriptor, too. */
  #wholeText(fd: number, path: string): string {
    try {
      let length = 0;
      let bytes = this.#buffer;
      for (;;) {
        const rest = bytes.subarray(length);
        const count = this.#libc.frequent.read(fd, rest, BigInt(rest.length));
        if (count < 0) throw this.#libc.lastError(`read ${this.#shown(path)}`);
        if (count === 0) return decodeText(this.#decoder, bytes, 0, length);
        length += count;
        if (length < bytes.length) continue;
        const larger = new Uint8Array(2 * length);
        larger.set(bytes);
        bytes = larger;
      }
    } finally {
      this.#libc.frequent.close(fd);
    }
  }

  #read(fd: number): number {
    return this.#libc.frequent.read(fd, this.#buffer, BUFFER_LENGTH);
  }

  #attribute(length: number): string {
    return decodeText(this.#decoder, this.#buffer, 0, length).trim();
  }

  #entryName(entry: number): string {
    const start = entry + ENTRY_NAME_OFFSET;
    return decodeText(this.#decoder, this.#buffer, start, this.#buffer.indexOf(0, start));
  }

  /** A path as C wants it, in the buffer, which is free before anything is read. */
  #cString(path: string): Uint8Array<ArrayBuffer> {
    const { read, written } = this.#encoder.encodeInto(path, this.#buffer);
    if (read < path.length || written === BUFFER_SIZE) throw new Error(`a path too long: ${path}`);
    this.#buffer[written] = 0;
    return this.#buffer;
  }
}
