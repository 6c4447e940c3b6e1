import { decodeText } from "../../linux/decode_text.ts";
import { readDecimal } from "../../linux/number_text.ts";

const SPACE = 0x20;
const HYPHEN = 0x2d;
const SLASH = 0x2f;
const COLON = 0x3a;
const BTRFS = Uint8Array.from("btrfs", (letter) => letter.charCodeAt(0));

const decoder = new TextDecoder();

/**
 * A line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)), one after the other: a table has thousands,
 * of which most are only glanced at. The fields are places in the bytes until somebody wants their text.
 */
export class MountinfoLine {
  id = 0;
  parent = 0;
  major = 0;
  minor = 0;
  /** Where the mount point stands in the bytes, as the kernel has escaped it. */
  mountPointStart = 0;
  mountPointEnd = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #rootStart = 0;
  #optionsEnd = 0;
  #hyphen = 0;
  #typeEnd = 0;
  #sourceEnd = 0;
  #end = 0;

  /** Takes the line from `start` to `end` apart; false when it has another shape. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes;
    this.#end = end;
    const idEnd = fieldEnd(bytes, start, end);
    const parentEnd = fieldEnd(bytes, idEnd + 1, end);
    const deviceEnd = fieldEnd(bytes, parentEnd + 1, end);
    const rootEnd = fieldEnd(bytes, deviceEnd + 1, end);
    const mountPointEnd = fieldEnd(bytes, rootEnd + 1, end);
    const optionsEnd = fieldEnd(bytes, mountPointEnd + 1, end);
    let hyphen = optionsEnd + 1;
    // Any number of optional fields stands before the hyphen.
    while (hyphen < end && !(bytes[hyphen] === HYPHEN && bytes[hyphen + 1] === SPACE)) {
      hyphen = fieldEnd(bytes, hyphen, end) + 1;
    }
    const typeEnd = fieldEnd(bytes, hyphen + 2, end);
    // The source may be empty, but must be there.
    if (hyphen >= end || typeEnd >= end) return false;
    this.id = readDecimal(bytes, start, idEnd);
    this.parent = readDecimal(bytes, idEnd + 1, parentEnd);
    if (Number.isNaN(this.id) || Number.isNaN(this.parent)) return false;
    this.#rootStart = deviceEnd + 1;
    this.mountPointStart = rootEnd + 1;
    this.mountPointEnd = mountPointEnd;
    this.#optionsEnd = optionsEnd;
    this.#hyphen = hyphen;
    this.#typeEnd = typeEnd;
    this.#sourceEnd = fieldEnd(bytes, typeEnd + 1, end);
    return this.#readDevice(parentEnd + 1, deviceEnd) && this.#hasPath();
  }

  /** Whether a block device holds the file system, or it is a btrfs, whose number is none of a device. */
  isOnBlockDevice(): boolean {
    if (this.major !== 0) return true;
    const start = this.#hyphen + 2;
    if (this.#typeEnd - start !== BTRFS.length) return false;
    for (let index = 0; index < BTRFS.length; index++) {
      if (this.#bytes[start + index] !== BTRFS[index]) return false;
    }
    return true;
  }

  root(): string {
    return this.#text(this.#rootStart, this.mountPointStart - 1);
  }

  mountPoint(): string {
    return this.#text(this.mountPointStart, this.mountPointEnd);
  }

  /** The optional fields, such as `shared:1`. */
  tags(): string[] {
    return this.#raw(this.#optionsEnd + 1, this.#hyphen).split(" ").slice(0, -1);
  }

  fileSystemType(): string {
    return this.#text(this.#hyphen + 2, this.#typeEnd);
  }

  source(): string {
    return this.#text(this.#typeEnd + 1, this.#sourceEnd);
  }

  /** Whether the file system itself is read-only, of which `ro` before its own options tells. */
  isReadOnly(): boolean {
    const start = this.#sourceEnd + 1;
    return this.#raw(start, fieldEnd(this.#bytes, start, this.#end)).split(",")[0] === "ro";
  }

  #readDevice(start: number, end: number): boolean {
    const colon = this.#bytes.indexOf(COLON, start);
    if (colon < 0 || colon >= end) return false;
    this.major = readDecimal(this.#bytes, start, colon);
    this.minor = readDecimal(this.#bytes, colon + 1, end);
    // A minus would not be a digit.
    return this.major >= 0 && this.minor >= 0;
  }

  /** Mount points are absolute and do not end in a slash, but for the root. */
  #hasPath(): boolean {
    const { mountPointStart: start, mountPointEnd: end } = this;
    if (start >= end || this.#bytes[start] !== SLASH) return false;
    return end - start === 1 || this.#bytes[end - 1] !== SLASH;
  }

  #text(start: number, end: number): string {
    return unescape(this.#raw(start, end));
  }

  #raw(start: number, end: number): string {
    return decodeText(decoder, this.#bytes, start, end);
  }
}

/** Where the field that begins at `start` ends: at the next space, or with the line. */
function fieldEnd(bytes: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end && bytes[index] !== SPACE) index++;
  return index;
}

/** White space, backslash and number sign stand in octal, such as `\040`. */
function unescape(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replace(
    /\\([0-3][0-7]{2})/g,
    (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
