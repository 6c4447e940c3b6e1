import { inMebibytes } from "../memory/memory_limits.ts";
import { JsonLexer, type TokenKind, type TokenSink } from "./json_lexer.ts";
import type { JsonValue } from "./json_value.ts";
import { JsonValueBuilder } from "./json_value_builder.ts";
import { LongJsonString } from "./long_json_string.ts";
import type { LongString } from "./long_string.ts";
import { LONGEST_MESSAGE } from "./qapi_error.ts";

/** One top-level value of the stream, or what made it unusable (QEMU's text). */
export type JsonMessage =
  | (MessageMemory & { readonly value: JsonValue })
  | (MessageMemory & { readonly error: string });

/** What a message leaves behind; members are left out of one that leaves little. */
interface MessageMemory {
  /** Garbage that reading it has left to V8, in bytes, where it is worth counting. */
  readonly garbageBytes?: number;
  /** Its long strings, whose memory must be given back. */
  readonly longStrings?: readonly LongString[];
}

/**
 * Gives the memory of a message's long strings back, once nothing is done with it any more.
 *
 * @returns how many bytes are left that only a garbage collection gives back, about
 */
export function releaseMessage({ garbageBytes = 0, longStrings }: JsonMessage): number {
  let decoded = 0;
  for (const string of longStrings ?? []) {
    if (string.wasDecoded) decoded += string.length;
    string[Symbol.dispose]();
  }
  return garbageBytes + decoded;
}

/** Bounds of one message; QEMU's are the default. */
export interface JsonLimits {
  /** Token text of one message, in bytes. */
  readonly tokenBytes: number;
  /** Tokens of one message. */
  readonly tokenCount: number;
  /** Brackets open at the same time. */
  readonly nesting: number;
  /** Why the bounds of bytes and tokens are narrower than QEMU's, as a clause; left out when they are not. */
  readonly reason?: string | undefined;
}

/** The limits of QEMU's JSON message parser. */
export const QEMU_JSON_LIMITS: JsonLimits = {
  tokenBytes: 64 * 1024 * 1024,
  tokenCount: 2 * 1024 * 1024,
  nesting: 1024,
};

/** A string token that comes in parts. */
interface StringInParts {
  readonly string: LongJsonString;
  /** What an error shows of it. */
  readonly start: string;
}

/** From as many bytes on garbage counts, and so much a token makes. */
const LEAST_GARBAGE = 64 * 1024;
const TOKEN_BYTES = 64;
const diagnostic = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Turns the bytes of a channel into messages. A message is complete at its closing bracket, with or
 * without a newline; what comes before the next message may be any garbage and costs error messages
 * in the order and wording of QEMU's parser.
 *
 * A message over a limit makes one error; the rest of it is passed over until its brackets balance
 * or a stray byte such as 0xFF ends it.
 */
export class JsonMessageStream implements TokenSink {
  readonly #lexer: JsonLexer;
  readonly #limits: JsonLimits;
  #messages: JsonMessage[] = [];
  #builder = new JsonValueBuilder();
  #longString: StringInParts | undefined;
  #braces = 0;
  #brackets = 0;
  #tokenBytes = 0;
  // What of it came in parts, and never was in V8's memory.
  #longStringBytes = 0;
  #tokenCount = 0;
  #overLimit = false;

  constructor(limits: JsonLimits = QEMU_JSON_LIMITS) {
    this.#limits = limits;
    this.#lexer = new JsonLexer(this, limits.tokenBytes);
  }

  /** Whether what was fed last ends within a message. */
  get isInMessage(): boolean {
    return this.#tokenCount > 0 || this.#longString !== undefined;
  }

  /** Takes the next bytes and returns the messages that they complete; the chunk may be reused. */
  feed(chunk: Uint8Array): JsonMessage[] {
    this.#lexer.feed(chunk);
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  /** Called by the lexer. */
  token(kind: TokenKind, text: Uint8Array): void {
    const longString = this.#longString;
    this.#longString = undefined;
    if (kind === "stray") {
      longString?.string[Symbol.dispose]();
      const start = longString?.start ?? asCString(text);
      this.#emit({ error: `JSON parse error, stray '${start}'` });
      return;
    }
    if (kind === "{") this.#braces++;
    else if (kind === "}") this.#braces--;
    else if (kind === "[") this.#brackets++;
    else if (kind === "]") this.#brackets--;

    this.#tokenBytes += text.length;
    this.#tokenCount++;
    if (!this.#overLimit) this.#checkLimits();
    if (longString === undefined) this.#builder.push(kind, text);
    else this.#builder.pushLongString(longString.string, text, kind === "plain-string");
    if (!this.#isOpen()) this.#finish();
  }

  /** Called by the lexer. */
  stringPart(text: Uint8Array, isPlain: boolean): void {
    this.#tokenBytes += text.length;
    this.#longStringBytes += text.length;
    this.#longString ??= {
      string: new LongJsonString(this.#limits.tokenBytes),
      start: asCString(text),
    };
    // After a mistake nothing is looked at.
    if (this.#builder.error === undefined) this.#longString.string.add(text, isPlain);
  }

  /** Called by the lexer: what is left of the message's share, nothing of one that is given up. */
  get mostTokenBytes(): number {
    return this.#overLimit ? 0 : this.#limits.tokenBytes - this.#tokenBytes;
  }

  /** Called by the lexer. */
  tokenTooLong(): void {
    this.#longString?.string[Symbol.dispose]();
    this.#longString = undefined;
    if (!this.#overLimit) this.#exceedSize();
    if (!this.#isOpen()) this.#finish();
  }

  #isOpen(): boolean {
    return (this.#braces > 0 || this.#brackets > 0) && this.#braces >= 0 && this.#brackets >= 0;
  }

  #checkLimits(): void {
    if (this.#tokenBytes > this.#limits.tokenBytes) {
      this.#exceedSize();
    } else if (this.#tokenCount > this.#limits.tokenCount) {
      this.#exceedBound("JSON token count limit exceeded", `${this.#limits.tokenCount} tokens`);
    } else if (this.#braces + this.#brackets > this.#limits.nesting) {
      this.#exceed("JSON nesting depth limit exceeded");
    }
  }

  #exceedSize(): void {
    this.#exceedBound("JSON token size limit exceeded", inMebibytes(this.#limits.tokenBytes));
  }

  /** The words are QEMU's, and more where the bound is not QEMU's. */
  #exceedBound(error: string, bound: string): void {
    const { reason } = this.#limits;
    this.#exceed(
      reason === undefined ? error : `${error}: a request can have ${bound} here, ${reason}`,
    );
  }

  #exceed(error: string): void {
    this.#overLimit = true;
    this.#builder.abandon();
    this.#messages.push(this.#withMemory({ error }));
  }

  #finish(): void {
    const { value, error } = this.#builder;
    if (this.#overLimit) this.#startAfresh();
    else if (error !== undefined) this.#emit({ error: `JSON parse error, ${error}` });
    else if (value !== undefined) this.#emit({ value });
    else this.#emit({ error: "JSON parse error, premature EOI" });
  }

  #emit(message: JsonMessage): void {
    this.#messages.push(this.#withMemory(message));
    this.#startAfresh();
  }

  #withMemory(message: JsonMessage): JsonMessage {
    const size = this.#tokenBytes - this.#longStringBytes + TOKEN_BYTES * this.#tokenCount;
    const { longStrings } = this.#builder;
    if (size < LEAST_GARBAGE && longStrings.length === 0) return message;
    return {
      ...message,
      ...(size >= LEAST_GARBAGE ? { garbageBytes: size } : {}),
      ...(longStrings.length > 0 ? { longStrings } : {}),
    };
  }

  #startAfresh(): void {
    this.#builder = new JsonValueBuilder();
    this.#braces = 0;
    this.#brackets = 0;
    this.#tokenBytes = 0;
    this.#longStringBytes = 0;
    this.#tokenCount = 0;
    this.#overLimit = false;
  }
}

/**
 * Text as QEMU prints it: it ends at the first NUL, and bytes that are not UTF-8 become U+FFFD. Of a long
 * one no more than an error shows.
 */
function asCString(text: Uint8Array): string {
  const end = text.indexOf(0);
  const shown = end < 0 ? text.length : end;
  return diagnostic.decode(text.subarray(0, Math.min(shown, LONGEST_MESSAGE + 1)));
}
