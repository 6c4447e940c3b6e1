/** The error classes of QAPI that a guest agent uses. */
export type QapiErrorClass = "GenericError" | "CommandNotFound";

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
    super(message, options);
    this.errorClass = errorClass;
  }
}
