import type { GrowingBytes } from "../memory/growing_bytes.ts";
import type { JsonItems } from "./json_items.ts";
import type { JsonValue } from "./json_value.ts";

/** Members of an object, of which bytes are sent as base64 text. */
export type BytesMembers = Readonly<Record<string, JsonValue | GrowingBytes | undefined>>;

/**
 * An object with bytes among its members: files and programs' output can be megabytes, which are sent a
 * piece at a time. Whoever has sent it disposes of it, which gives the bytes' memory back.
 */
export class ResultWithBytes implements Disposable {
  /** What is sent, in this order. */
  readonly members: BytesMembers;
  readonly #release: () => void;

  /** `release` gives back what the members hold. */
  constructor(members: BytesMembers, release: () => void) {
    this.members = members;
    this.#release = release;
  }

  [Symbol.dispose](): void {
    this.#release();
  }
}

/** What a command returns. */
export type CommandResult = JsonValue | JsonItems | ResultWithBytes;
