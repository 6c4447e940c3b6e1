import { GrowingBytes } from "../memory/growing_bytes.ts";

/** What a token is. `stray` is input that no token can begin or go on with. */
export type TokenKind =
  | "{"
  | "}"
  | "["
  | "]"
  | ":"
  | ","
  | "string"
  /** A string without escapes, all of ASCII. */
  | "plain-string"
  | "integer"
  | "float"
  | "keyword"
  | "stray";

/** Receives what the lexer finds, in the order of the input. */
export interface TokenSink {
  /**
   * One token. `text` is the token's bytes, quotes included; it is valid during the call only.
   */
  token(kind: TokenKind, text: Uint8Array): void;
  /**
   * Some bytes of a string that is long and continues: the next call of `token` has only what comes after
   * them. They are valid during the call only.
   *
   * @param isPlain whether the string has been a `plain-string` so far
   */
  stringPart(text: Uint8Array, isPlain: boolean): void;
  /** How long the token under way may be, in bytes; of a string, what comes after its last part. */
  readonly mostTokenBytes: number;
  /** The token under way has grown past that; the rest of it is dropped. */
  tokenTooLong(): void;
}

/** From as many bytes on a string is handed over in parts, each of which takes some milliseconds at most. */
const PART = 64 * 1024;

const START = 0;
const STRING = 1;
const STRING_ESCAPE = 2;
const KEYWORD = 3;
const SIGN = 4;
const ZERO = 5;
const DIGITS = 6;
const POINT = 7;
const FRACTION = 8;
const EXPONENT = 9;
const EXPONENT_SIGN = 10;
const EXPONENT_DIGITS = 11;
const RECOVERY = 12;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const BACKSLASH = 0x5c;

const PUNCTUATION = new Map<number, { readonly kind: TokenKind; readonly text: Uint8Array }>(
  (["{", "}", "[", "]", ":", ","] as const).map((kind) => {
    const byte = kind.charCodeAt(0);
    return [byte, { kind, text: Uint8Array.of(byte) }];
  }),
);

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isLowerCase = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a;
const isExponentMark = (byte: number): boolean => byte === 0x65 || byte === 0x45;

/** Bytes that cannot stand in a string: control characters, and those that UTF-8 never has. */
const endsString = (byte: number): boolean => byte < 0x20 || byte >= 0xfe;

/**
 * Splits a stream of bytes into the tokens of QEMU's JSON dialect (RFC 8259 plus strings in single
 * quotes), wherever the stream is cut into chunks. A byte that fits nowhere, 0xFF above all, makes a
 * `stray` token of what was read so far, and then everything up to the next structural or control
 * character is skipped: this is how a client makes the agent forget half a request.
 */
export class JsonLexer {
  readonly #sink: TokenSink;
  #state = START;
  #quote = DOUBLE_QUOTE;
  #plain = true;
  #dropping = false;
  // The bytes of the token under way that came with earlier chunks.
  readonly #pending: GrowingBytes;

  /** `mostTokenBytes` is the most that `sink` will ever allow a token, in bytes. */
  constructor(sink: TokenSink, mostTokenBytes: number) {
    this.#sink = sink;
    this.#pending = new GrowingBytes(mostTokenBytes);
  }

  /** Takes the next bytes of the stream; the chunk may be reused afterwards. */
  feed(chunk: Uint8Array): void {
    let start = 0;
    let position = 0;
    while (position < chunk.length) {
      const byte = chunk[position] ?? 0;
      switch (this.#state) {
        case START: {
          if (isWhitespace(byte)) {
            position++;
            break;
          }
          const punctuation = PUNCTUATION.get(byte);
          if (punctuation !== undefined) {
            this.#sink.token(punctuation.kind, punctuation.text);
            position++;
            break;
          }
          start = position++;
          const next = this.#firstState(byte);
          if (next === RECOVERY) this.#finish("stray", chunk, start, position, RECOVERY);
          else this.#state = next;
          break;
        }
        case STRING: {
          const quote = this.#quote;
          const { length } = chunk;
          let inner = byte;
          // Most of the input is in here.
          while (inner !== quote && inner !== BACKSLASH && inner >= 0x20 && inner < 0x80) {
            if (++position === length) break;
            inner = chunk[position] ?? 0;
          }
          if (position === length) break;
          position++;
          if (inner === quote) {
            this.#finish(this.#plain ? "plain-string" : "string", chunk, start, position, START);
          } else if (inner === BACKSLASH) {
            this.#plain = false;
            this.#state = STRING_ESCAPE;
          } else if (endsString(inner)) {
            this.#finish("stray", chunk, start, position, RECOVERY);
          } else {
            this.#plain = false;
          }
          break;
        }
        case STRING_ESCAPE:
          position++;
          if (endsString(byte)) this.#finish("stray", chunk, start, position, RECOVERY);
          else this.#state = STRING;
          break;
        case KEYWORD:
          if (isLowerCase(byte)) position++;
          else this.#finish("keyword", chunk, start, position, START);
          break;
        case RECOVERY:
          if (endsRecovery(byte)) this.#state = START;
          else position++;
          break;
        default: {
          const next = nextNumberState(this.#state, byte);
          if (typeof next === "string") this.#finish(next, chunk, start, position, START);
          else if (next === RECOVERY) this.#finish("stray", chunk, start, ++position, RECOVERY);
          else {
            position++;
            this.#state = next;
          }
        }
      }
    }
    if (this.#state !== START && this.#state !== RECOVERY) {
      this.#keep(chunk.subarray(start, chunk.length));
      this.#handOverPart();
    }
  }

  #firstState(byte: number): number {
    if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
      this.#quote = byte;
      this.#plain = true;
      return STRING;
    }
    if (isLowerCase(byte)) return KEYWORD;
    if (byte === MINUS) return SIGN;
    if (byte === DIGIT_0) return ZERO;
    return isDigit(byte) ? DIGITS : RECOVERY;
  }

  #finish(kind: TokenKind, chunk: Uint8Array, start: number, end: number, next: number): void {
    this.#state = next;
    let text = chunk.subarray(start, end);
    if (this.#pending.length > 0) {
      this.#keep(text);
      text = this.#pending.bytes;
    } else if (text.length > this.#sink.mostTokenBytes) {
      this.#tooLong();
    }
    const dropped = this.#dropping;
    this.#dropping = false;
    if (!dropped) this.#sink.token(kind, text);
    // The byte that ends a token too long must end its message all the same.
    else if (kind === "stray") this.#sink.token(kind, chunk.subarray(end - 1, end));
    if (this.#pending.length > 0) this.#pending[Symbol.dispose]();
  }

  #keep(bytes: Uint8Array): void {
    if (this.#dropping) return;
    if (this.#pending.length + bytes.length > this.#sink.mostTokenBytes) this.#tooLong();
    else this.#pending.append(bytes);
  }

  #handOverPart(): void {
    const isString = this.#state === STRING || this.#state === STRING_ESCAPE;
    if (!isString || this.#pending.length < PART) return;
    this.#sink.stringPart(this.#pending.bytes, this.#plain);
    this.#pending[Symbol.dispose]();
  }

  #tooLong(): void {
    this.#dropping = true;
    this.#pending[Symbol.dispose]();
    this.#sink.tokenTooLong();
  }
}

function isWhitespace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;
}

function endsRecovery(byte: number): boolean {
  return (byte < 0x20 && byte !== TAB) || byte >= 0xfe || PUNCTUATION.has(byte);
}

/** The state after `byte`, or the kind of the number that ended before it. */
function nextNumberState(state: number, byte: number): number | "integer" | "float" {
  switch (state) {
    case SIGN:
      if (byte === DIGIT_0) return ZERO;
      return isDigit(byte) ? DIGITS : RECOVERY;
    case ZERO:
      if (byte === DOT) return POINT;
      return isDigit(byte) ? RECOVERY : "integer";
    case DIGITS:
      if (isDigit(byte)) return DIGITS;
      if (byte === DOT) return POINT;
      return isExponentMark(byte) ? EXPONENT : "integer";
    case POINT:
      return isDigit(byte) ? FRACTION : RECOVERY;
    case FRACTION:
      if (isDigit(byte)) return FRACTION;
      return isExponentMark(byte) ? EXPONENT : "float";
    case EXPONENT:
      if (byte === PLUS || byte === MINUS) return EXPONENT_SIGN;
      return isDigit(byte) ? EXPONENT_DIGITS : RECOVERY;
    case EXPONENT_SIGN:
      return isDigit(byte) ? EXPONENT_DIGITS : RECOVERY;
    default:
      return isDigit(byte) ? EXPONENT_DIGITS : "float";
  }
}
