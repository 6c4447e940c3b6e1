import { decodeText } from "./decode_text.ts";
import type { Libc } from "./libc.ts";

const ADDRESS_SYMBOLS = {
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const AF_INET6 = 10;
const INET6_ADDRSTRLEN = 46;

const decoder = new TextDecoder();

/** The text of an IPv4 address of four bytes. */
export function formatIpv4(bytes: Uint8Array): string {
  return bytes.join(".");
}

/** The text of an IPv6 address of 16 bytes, as inet_ntop(3) has it. */
export function formatIpv6(libc: Libc, bytes: Uint8Array<ArrayBuffer>): string {
  const { inet_ntop } = libc.bind(ADDRESS_SYMBOLS);
  const text = new Uint8Array(INET6_ADDRSTRLEN);
  if (inet_ntop(AF_INET6, bytes, text, INET6_ADDRSTRLEN) === null) {
    throw libc.lastError("inet_ntop");
  }
  return decodeText(decoder, text, 0, text.indexOf(0));
}
