/** The error classes of QAPI that a guest agent uses. */
export type QapiErrorClass = "GenericError" | "CommandNotFound";

/** Longer messages are cut off: they repeat what a client has sent, which can be megabytes. */
export const LONGEST_MESSAGE = 4096;

/**
 * A text as an error shows it: the beginning alone of a long one, copied, since what `slice` gives keeps
 * the whole text in memory.
 */
export function shortened(text: string): string {
  if (text.length <= LONGEST_MESSAGE) return text;
  const bytes = new TextEncoder().encode(text.slice(0, LONGEST_MESSAGE));
  return `${new TextDecoder().decode(bytes)}...`;
}

/**
 * A failure that is reported to the client as `{"error": {"class": ..., "desc": ...}}`. The message
 * is the `desc`: it says what failed, on what, and what the user can do.
 */
export class QapiError extends Error {
  override readonly name = "QapiError";
  /** The `class` member of the reply. */
  readonly errorClass: QapiErrorClass;

  constructor(
    message: string,
    errorClass: QapiErrorClass = "GenericError",
    options?: ErrorOptions,
  ) {
    super(shortened(message), options);
    this.errorClass = errorClass;
  }
}
