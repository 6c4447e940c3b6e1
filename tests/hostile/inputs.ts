import { COMMANDS } from "../../agent/commands/all.ts";
import { mistakesIn } from "../conformance/mistakes.ts";

/** Bytes that mean something to the agent's parser. */
const PIECES: readonly string[] = [
  ...[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "'",
    "\\",
    "\\u",
    "\\ud800",
    "-",
    "1e",
    "0.",
    "nul",
    "true",
  ],
  ...[
    "\x00",
    "\x01",
    "\x7f",
    "\x80",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    "\xfe",
    "\xff",
  ],
  ...[
    "\n",
    "\r\n",
    "\t",
    " ",
    "/*",
    "18446744073709551616",
    "1e400",
    '"execute"',
    '"arguments"',
    '"id"',
  ],
  ...[
    '{"execute":"guest-ping"}',
    '{"execute":"guest-sync","arguments":{"id":1}}',
    "é",
    "\u00f0\u009f",
  ],
];

const encoder = new TextEncoder();

/** Right and wrong requests of every command, to begin with. */
const REQUESTS: readonly string[] = COMMANDS.flatMap(({ name, arguments: declarations }) => [
  `{"execute":"${name}"}`,
  `{"execute":"${name}","arguments":{}}`,
  `{"execute":"${name}","id":{"a":[1,"x",null]}}`,
  ...mistakesIn(declarations).map((text) => `{"execute":"${name}","arguments":${text}}`),
]);

/** What a seed makes again: bytes of any kind, and requests with mistakes of any kind. */
export class HostileInputs {
  readonly #random: () => number;

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The next input. It never has a guest-sync-delimited that answers as the harness's own does. */
  next(): Uint8Array {
    const kind = this.#below(10);
    if (kind === 0) return this.#bytes(this.#below(300));
    if (kind === 1) return this.#pieces();
    if (kind === 2) return encoder.encode(`${this.#any(REQUESTS)}\n`);
    if (kind === 3) return encoder.encode(this.#tree(6));
    if (kind === 4) return this.#large();
    return this.#mutated(encoder.encode(`${this.#any(REQUESTS)}\n`));
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #any<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error("there is nothing to choose from");
    return item;
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#below(256));
  }

  #pieces(): Uint8Array {
    const text = Array.from({ length: this.#below(20) }, () => this.#any(PIECES)).join("");
    return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
  }

  /** A request with bytes changed, left out, doubled or put in, also of another request. */
  #mutated(request: Uint8Array): Uint8Array {
    let bytes = [...request];
    for (let count = 1 + this.#below(4); count > 0; count--) {
      const at = this.#below(bytes.length + 1);
      const end = at + this.#below(12);
      switch (this.#below(6)) {
        case 0:
          bytes[at] = this.#below(256);
          break;
        case 1:
          bytes.splice(at, end - at);
          break;
        case 2:
          bytes.splice(at, 0, ...this.#pieces());
          break;
        case 3:
          bytes.splice(at, 0, ...bytes.slice(at, end));
          break;
        case 4:
          bytes = [...bytes.slice(0, at), ...encoder.encode(this.#any(REQUESTS)).slice(at)];
          break;
        default:
          bytes = bytes.slice(0, at);
      }
    }
    return Uint8Array.from(bytes);
  }

  /** JSON of any shape, right but for its meaning. */
  #tree(depth: number): string {
    const kind = this.#below(depth > 0 ? 8 : 5);
    if (kind === 0) return `${this.#below(1000) - 500}`;
    if (kind === 1) return this.#any(["null", "true", "false", "1.5", "-0", "1e3"]);
    if (kind < 5) return JSON.stringify(this.#any(PIECES));
    const items = Array.from({ length: this.#below(5) }, () => this.#tree(depth - 1));
    if (kind === 5) return `[${items.join()}]`;
    const members = items.map((item) => `${JSON.stringify(this.#any(PIECES))}:${item}`);
    return `{"execute":"${this.#any(COMMANDS).name}","arguments":{${members.join()}}}`;
  }

  /** Something long or deep, seldom; most are ordinary requests with an id. */
  #large(): Uint8Array {
    const unit = this.#any(["x", "\\n", "[", '{"a":', "1", "é", '"a",']);
    const count = this.#below(1000) === 0 ? this.#below(100_000) : this.#below(50);
    const end = this.#any(['"}', "}", "]}", "\n"]);
    return encoder.encode(`{"execute":"guest-ping","id":"${unit.repeat(count)}${end}`);
  }
}
