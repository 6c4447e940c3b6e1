const SHORT = 64;

/** UTF-8 from `start` to `end`. A decoder's call costs more than the bytes of most attributes. */
export function decodeText(
  decoder: TextDecoder,
  bytes: Uint8Array,
  start: number,
  end: number,
): string {
  let text = "";
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0;
    if (byte >= 0x80 || index - start > SHORT) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}
