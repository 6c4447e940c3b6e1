const V6_WORDS = 8;

/** The text of the IPv4 address in the four bytes from `offset` on. */
export function formatIpv4(bytes: Uint8Array, offset = 0): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

/** The text of an IPv6 address of 16 bytes, as inet_ntop(3) of glibc has it (RFC 5952). */
export function formatIpv6(bytes: Uint8Array): string {
  const word = (index: number): number =>
    ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0);
  const zeros = longestZeros(word);
  // An IPv4 address in one of IPv6, ::a.b.c.d or ::ffff:a.b.c.d.
  const hasIpv4 = zeros.start === 0 &&
    (zeros.length === 6 || (zeros.length === 5 && word(5) === 0xffff));
  const end = hasIpv4 ? V6_WORDS - 2 : V6_WORDS;
  let text = "";
  for (let index = 0; index < end; index++) {
    if (index === zeros.start) {
      text += "::";
      index += zeros.length - 1;
      continue;
    }
    if (text !== "" && !text.endsWith(":")) text += ":";
    text += word(index).toString(16);
  }
  if (!hasIpv4) return text;
  return `${text}${text.endsWith(":") ? "" : ":"}${formatIpv4(bytes, 2 * end)}`;
}

/** The first of the longest stretches of words that are zero, two at least. */
function longestZeros(word: (index: number) => number): { start: number; length: number } {
  let longest = { start: -1, length: 1 };
  for (let start = 0; start < V6_WORDS; start++) {
    let length = 0;
    while (start + length < V6_WORDS && word(start + length) === 0) length++;
    if (length > longest.length) longest = { start, length };
    start += length;
  }
  return longest;
}
