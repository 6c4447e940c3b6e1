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
    if (!(error instanceof LibcError)) throw error;
    throw new QapiError(error.message, "GenericError", { cause: error });
  }
}
