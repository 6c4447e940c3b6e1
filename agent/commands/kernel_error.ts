import { LibcError } from "../host/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";

/**
 * Runs what reads from or writes to the kernel. What the kernel refuses is a foreseen failure: it is
 * told to the client in the words of the LibcError.
 *
 * @throws QapiError in place of a LibcError, and whatever else `action` throws
 */
export function tellKernelErrors<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toldToClient(error);
  }
}

/** As `tellKernelErrors`, of what `steps` throws while it is iterated. */
export function* tellKernelErrorsOf<T>(steps: Iterable<T>): Generator<T, void, void> {
  try {
    yield* steps;
  } catch (error) {
    throw toldToClient(error);
  }
}

function toldToClient(error: unknown): unknown {
  if (!(error instanceof LibcError)) return error;
  return new QapiError(error.message, "GenericError", { cause: error });
}
