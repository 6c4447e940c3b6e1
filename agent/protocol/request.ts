import type { Command } from "./command.ts";
import type { JsonMessage } from "./json_message_stream.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json_value.ts";
import { LongString } from "./long_string.ts";
import { QapiError } from "./qapi_error.ts";

/** A message that asks for one of the agent's commands. Its arguments are not checked yet. */
export interface Request<Context> {
  readonly id: JsonValue | undefined;
  readonly command: Command<Context>;
  readonly arguments: JsonObject;
}

/** A message that can only be answered with an error. */
export interface Refusal {
  readonly id: JsonValue | undefined;
  readonly error: QapiError;
  /** Whether it was JSON at all. */
  readonly isJson: boolean;
}

const NO_ARGUMENTS: JsonObject = {};

/**
 * Makes a request of a message, with the command looked up: nothing looks at the message's JSON after that.
 * What is wrong with it is reported in the order and words of QEMU's dispatcher.
 *
 * @param commands by name
 */
export function parseRequest<Context>(
  message: JsonMessage,
  commands: ReadonlyMap<string, Command<Context>>,
): Request<Context> | Refusal {
  if ("error" in message) {
    return { id: undefined, error: new QapiError(message.error), isJson: false };
  }
  const { value } = message;
  if (!isJsonObject(value)) {
    return refusal(undefined, new QapiError("QMP input must be a JSON object"));
  }
  const { id } = value;
  let name: string | undefined;
  let given = NO_ARGUMENTS;
  for (const [key, member] of Object.entries(value)) {
    if (key === "execute") {
      if (typeof member !== "string" && !(member instanceof LongString)) {
        return refusal(id, new QapiError("QMP input member 'execute' must be a string"));
      }
      // No command has so long a name: what an error shows of it is enough.
      name = member instanceof LongString ? member.beginning() : member;
    } else if (key === "arguments") {
      if (!isJsonObject(member)) {
        return refusal(id, new QapiError("QMP input member 'arguments' must be an object"));
      }
      given = member;
    } else if (key !== "id") {
      return refusal(id, new QapiError(`QMP input member '${key}' is unexpected`));
    }
  }
  if (name === undefined) return refusal(id, new QapiError("QMP input lacks member 'execute'"));
  const command = commands.get(name);
  if (command !== undefined) return { id, command, arguments: given };
  return refusal(id, new QapiError(`The command ${name} has not been found`, "CommandNotFound"));
}

function refusal(id: JsonValue | undefined, error: QapiError): Refusal {
  return { id, error, isJson: true };
}
