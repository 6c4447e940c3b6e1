/** How long a thing may take to come about, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** How long to wait before it is looked at again, in milliseconds. */
const PAUSE_MS = 50;

/**
 * Waits until `look` gives something, and gives that.
 *
 * @param pauseMs how long to wait before it is looked at again; longer than the default of 50 ms where each look is
 *   work for whom it waits for
 * @throws {Error} with what `what` says, after `timeoutMs` (default: a minute).
 */
export async function until<T>(
  what: string | (() => string),
  look: () => Promise<T | undefined>,
  timeoutMs: number = TIMEOUT_MS,
  pauseMs: number = PAUSE_MS,
): Promise<T> {
  for (const end = performance.now() + timeoutMs;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > end) {
      const said = typeof what === "string" ? what : what();
      throw new Error(`not within ${timeoutMs / 1000} s: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
