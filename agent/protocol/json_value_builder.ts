import type { TokenKind } from "./json_lexer.ts";
import { decodeJsonString, decodePlainJsonString, JsonStringError } from "./json_string.ts";
import type { JsonValue } from "./json_value.ts";
import type { LongJsonString } from "./long_json_string.ts";
import { LongString } from "./long_string.ts";
import { shortened } from "./qapi_error.ts";

type MutableObject = { [key: string]: JsonValue };

/** What the container at the top of the stack waits for. */
type Expectation = "first" | "element" | "colon" | "value" | "separator";

type Container =
  | { readonly kind: "object"; readonly value: MutableObject; key: string; expects: Expectation }
  | { readonly kind: "array"; readonly value: JsonValue[]; expects: Expectation };

// Nothing is inherited from it. An object without a prototype would do the same, but V8 makes it a
// dictionary, which takes seven times as long to fill and to go through.
const NO_MEMBERS: object = Object.freeze(Object.create(null));
const ascii = new TextDecoder();
/** Of a keyword no more is looked at; the longest that there is has five letters. */
const MOST_LETTERS = 64;
const MAXIMUM_UINT64 = 0xffff_ffff_ffff_ffffn;
const MINIMUM_INT64 = -0x8000_0000_0000_0000n;

/**
 * Builds one JSON value from its tokens as they come. The first mistake is kept and the tokens after
 * it are passed over, so that who counts the brackets decides where the value ends.
 */
export class JsonValueBuilder {
  #stack: Container[] = [];
  #result: JsonValue | undefined;
  #error: string | undefined;
  readonly #longStrings: LongString[] = [];

  /** What is wrong with the tokens so far, as QEMU words it; undefined when nothing is. */
  get error(): string | undefined {
    return this.#error;
  }

  /** The value, once it is complete. */
  get value(): JsonValue | undefined {
    return this.#result;
  }

  /** The long strings so far, also those that a mistake came after. They are the caller's to dispose of. */
  get longStrings(): readonly LongString[] {
    return this.#longStrings;
  }

  /** Gives up building: the tokens that follow are passed over. */
  abandon(): void {
    this.#error ??= "abandoned";
    this.#stack = [];
  }

  /** Takes the next token; `stray` is not one of a value and must not be given. */
  push(kind: TokenKind, text: Uint8Array): void {
    if (this.#error !== undefined) return;
    const top = this.#stack.at(-1);
    if (top !== undefined && !this.#acceptsValue(top, kind)) return;
    switch (kind) {
      case "{":
        this.#stack.push({
          kind: "object",
          value: Object.create(NO_MEMBERS),
          key: "",
          expects: "first",
        });
        break;
      case "[":
        this.#stack.push({ kind: "array", value: [], expects: "first" });
        break;
      case "plain-string":
        this.#complete(decodePlainJsonString(text));
        break;
      case "string":
        this.#string(() => decodeJsonString(text));
        break;
      case "integer":
      case "float":
        this.#number(kind, ascii.decode(text));
        break;
      case "keyword":
        this.#keyword(ascii.decode(text.subarray(0, MOST_LETTERS)));
        break;
      default:
        this.#error = "expecting value";
    }
  }

  /**
   * Takes a string token of which all but its last bytes, `text`, were added before; see `LongJsonString`.
   * It belongs to the builder then.
   */
  pushLongString(string: LongJsonString, text: Uint8Array, isPlain: boolean): void {
    const top = this.#stack.at(-1);
    const isWanted = this.#error === undefined &&
      (top === undefined || this.#acceptsValue(top, "string"));
    if (!isWanted) return string[Symbol.dispose]();
    this.#string(() => {
      const value = string.finish(text, isPlain);
      this.#longStrings.push(value);
      return value;
    });
  }

  /** Handles what is not the beginning of a value; true when a value may begin with this token. */
  #acceptsValue(top: Container, kind: TokenKind): boolean {
    const closes = top.kind === "object" ? "}" : "]";
    switch (top.expects) {
      case "first":
        if (kind !== closes) return true;
        this.#close();
        return false;
      case "element":
      case "value":
        return true;
      case "colon":
        if (kind === ":") top.expects = "value";
        else this.#error = "missing : in object pair";
        return false;
      case "separator":
        if (kind === closes) this.#close();
        else if (kind === ",") top.expects = "element";
        else this.#error = `expected separator in ${top.kind === "object" ? "dict" : "list"}`;
        return false;
    }
  }

  #close(): void {
    const closed = this.#stack.pop();
    if (closed !== undefined) this.#complete(closed.value);
  }

  #number(kind: "integer" | "float", text: string): void {
    const value = readNumber(kind, text);
    if (value === Infinity || value === -Infinity) {
      this.#error = `number ${shortened(text)} is out of range`;
    } else this.#complete(value);
  }

  #string(decode: () => string | LongString): void {
    let value: string | LongString;
    try {
      value = decode();
    } catch (error) {
      if (!(error instanceof JsonStringError)) throw error;
      this.#error = error.message;
      return;
    }
    this.#complete(value);
  }

  #keyword(word: string): void {
    if (word === "true") this.#complete(true);
    else if (word === "false") this.#complete(false);
    else if (word === "null") this.#complete(null);
    else this.#error = `invalid keyword '${word}'`;
  }

  #complete(value: JsonValue): void {
    const top = this.#stack.at(-1);
    if (top === undefined) {
      this.#result = value;
      return;
    }
    if (top.kind === "array") {
      top.value.push(value);
      top.expects = "separator";
      return;
    }
    if (top.expects === "value") {
      // QEMU looks for a double key after the value, whose own mistakes come first.
      if (top.key in top.value) this.#error = "duplicate key";
      top.value[top.key] = value;
      top.expects = "separator";
    } else if (typeof value === "string" || value instanceof LongString) {
      top.key = value.toString();
      top.expects = "colon";
    } else {
      this.#error = "key is not a string in object";
    }
  }
}

/** An integer in the range of int64 or uint64 is exact; any other number is a double. */
function readNumber(kind: "integer" | "float", text: string): bigint | number {
  // 21 characters hold every int64 and uint64; BigInt() of a longer literal costs its square.
  if (kind === "integer" && text.length <= 21) {
    const value = BigInt(text);
    if (value >= MINIMUM_INT64 && value <= MAXIMUM_UINT64) return value;
  }
  return Number(text);
}
