const LATIN1 = new TextDecoder("latin1");

/** The whole of what came in pieces, of which some are bytes of ASCII. */
export function joined(pieces: Iterable<string | Uint8Array>): string {
  const texts = Array.from(pieces, (each) => typeof each === "string" ? each : LATIN1.decode(each));
  return texts.join("");
}
