/** Something did not happen in time. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Waits for a promise, at most `timeoutMs` milliseconds. No timer is left behind. The promise itself
 * goes on after the deadline.
 *
 * @throws {DeadlineError} with what `what` says, at the deadline.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  timeoutMs: number,
  what: () => string,
): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new DeadlineError(`not within ${Math.round(timeoutMs)} ms: ${what()}`)),
    Math.max(timeoutMs, 0),
  );
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
