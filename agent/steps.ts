/**
 * Something longer that is done step by step: where it yields, others may have a turn before it continues.
 * What it comes to is returned in the end. Its user decides: `yield*` hands the places on, `atOnce`
 * takes no notice of them.
 */
export type Steps<T> = Generator<undefined, T, void>;

/** Takes all steps, and gives what they come to. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Takes all steps, each in a turn of its own, and gives what they come to. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}

/** Lets the event loop do what else there is to do. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
