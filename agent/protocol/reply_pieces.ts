import { writeJson } from "./json_writer.ts";
import type { JsonItems } from "./json_items.ts";

/** How long others wait for their turn. */
const TURN_MS = 10;
/** Characters after which a piece is sent. */
const PIECE_LENGTH = 32 * 1024;

/**
 * The text of a list between `before` and `after`, in pieces, the last of which is returned: a short list
 * is whole with the first call. Long work on it lets timers and HTTP have their turn in between, a short
 * one needs no timer.
 *
 * @throws whatever `items` throws, RangeError for what JSON cannot express
 */
export async function* replyPieces(
  before: string,
  items: JsonItems,
  after: string,
): AsyncGenerator<string, string, void> {
  let text = `${before}[`;
  let separator = "";
  let turn = performance.now();
  for (const item of items.steps) {
    if (item !== undefined) {
      text += separator + writeJson(item);
      separator = ", ";
      if (text.length < PIECE_LENGTH) continue;
      yield text;
      text = "";
    }
    if (performance.now() - turn < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    turn = performance.now();
  }
  return `${text}]${after}`;
}
