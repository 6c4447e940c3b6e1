import { decodeText } from "./decode_text.ts";
import type { Libc } from "./libc.ts";

const UNAME_SYMBOLS = {
  uname: { parameters: ["buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// struct utsname of Linux: six texts of 65 bytes each, a NUL included.
const FIELD_SIZE = 65;
const FIELDS = 6;

/** What uname(2) tells, but for the system's name. */
export interface KernelName {
  /** The host name of this UTS namespace. */
  readonly hostName: string;
  readonly release: string;
  readonly version: string;
  /** The processor, such as `x86_64`. */
  readonly machine: string;
}

const decoder = new TextDecoder();

/**
 * Asks the kernel for its name (uname(2)).
 *
 * @throws LibcError
 */
export function readKernelName(libc: Libc): KernelName {
  const bytes = uname(libc);
  return {
    hostName: field(bytes, 1),
    release: field(bytes, 2),
    version: field(bytes, 3),
    machine: field(bytes, 4),
  };
}

function uname(libc: Libc): Uint8Array {
  const bytes = new Uint8Array(FIELDS * FIELD_SIZE);
  libc.check(libc.bind(UNAME_SYMBOLS).uname(bytes), "uname");
  return bytes;
}

function field(bytes: Uint8Array, index: number): string {
  const start = index * FIELD_SIZE;
  return decodeText(decoder, bytes, start, bytes.indexOf(0, start));
}
