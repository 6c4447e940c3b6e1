import { LibcError } from "../host/libc.ts";
import type { Command } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";

/**
 * A command whose disk, interface or mount can go away while it is read, or whose medium can fail: what
 * the kernel refuses is a foreseen failure, told to the client in the words of the LibcError (what
 * failed, on what, why).
 */
export function withKernelErrors<Context>(command: Command<Context>): Command<Context> {
  return {
    ...command,
    execute(wireArguments, context) {
      const reply = tellKernelErrors(() => command.execute(wireArguments, context));
      return reply instanceof Promise ? reply.catch(rethrow) : reply;
    },
  };
}

/**
 * Runs what reads from or writes to the kernel.
 *
 * @throws QapiError in place of a LibcError, and whatever else `action` throws
 */
export function tellKernelErrors<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    return rethrow(error);
  }
}

function rethrow(error: unknown): never {
  if (!(error instanceof LibcError)) throw error;
  throw new QapiError(error.message, "GenericError", { cause: error });
}
