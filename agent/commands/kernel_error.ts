import { LibcError } from "../linux/libc.ts";
import type { Command } from "../protocol/command.ts";
import { JsonItems } from "../protocol/json_items.ts";
import { QapiError } from "../protocol/qapi_error.ts";

/**
 * A command with what the kernel refuses as a foreseen failure: a disk, an interface or a mount can go
 * away while it is read, and a medium can fail. The client is told so in the words of the LibcError,
 * which name what failed on what; anything else that is thrown stays as it is.
 */
export function tellingKernelErrors<Context>(command: Command<Context>): Command<Context> {
  return {
    ...command,
    execute(wireArguments, context) {
      try {
        const result = command.execute(wireArguments, context);
        if (result instanceof Promise) return result.catch(rethrow);
        return result instanceof JsonItems ? new JsonItems(tellingOf(result.steps)) : result;
      } catch (error) {
        return rethrow(error);
      }
    },
  };
}

/**
 * Runs a part of a command that reads from or writes to the kernel, for one that looks at the outcome.
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

function* tellingOf<T>(steps: Iterable<T>): Generator<T, void, void> {
  try {
    yield* steps;
  } catch (error) {
    rethrow(error);
  }
}

function rethrow(error: unknown): never {
  if (!(error instanceof LibcError)) throw error;
  throw new QapiError(error.message, "GenericError", { cause: error });
}
