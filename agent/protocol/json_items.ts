import type { JsonValue } from "./json_value.ts";

/** Some items of a list; undefined for a step that has made none. */
export type ItemStep = readonly JsonValue[] | undefined;

/**
 * A list that a command answers with, whose items are made while the reply is sent: it is never there as
 * a whole. Between two steps others may have a turn. They are iterated once.
 */
export class JsonItems {
  readonly steps: Iterable<ItemStep>;

  constructor(steps: Iterable<ItemStep>) {
    this.steps = steps;
  }
}
