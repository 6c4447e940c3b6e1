import type { JsonValue } from "./json_value.ts";

/**
 * A list that a command answers with, whose items are made while the reply is sent: it is never there as
 * a whole. `steps` gives undefined where others may have a turn before the next item; it is iterated once.
 */
export class JsonItems {
  readonly steps: Iterable<JsonValue | undefined>;

  constructor(steps: Iterable<JsonValue | undefined>) {
    this.steps = steps;
  }
}
