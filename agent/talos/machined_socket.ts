import { type Fault, faultSentence, messageOf } from "../fault.ts";
import type { GrpcCodeName } from "./grpc/status.ts";
import { MachineClient, type MachineClientOptions, SOCKET_ROLE } from "./machine_client.ts";
import {
  act,
  describeFailure,
  type PowerCall,
  PowerCallError,
  type PowerCallResult,
} from "./power_call.ts";
import { TalosError } from "./talos_error.ts";

const WHERE = "mount the node's /system/run/machined into the system extension's container, and " +
  "name machine.sock in it with --talos-socket";
const AS_ROOT = "run the agent as root";
const WHO =
  "Talos lets in its own services and those of system extensions; anywhere else, such as in " +
  "a pod, take a talosconfig (--talosconfig)";

/**
 * Makes one power call at the socket of machined, which is this node's own.
 *
 * @throws PowerCallError when machined has not accepted it, or it is not known whether it has.
 */
export async function makeSocketPowerCall(
  call: PowerCall,
  path: string,
  options: MachineClientOptions,
): Promise<PowerCallResult> {
  const connect = (signal: AbortSignal): Promise<MachineClient> =>
    Promise.resolve(MachineClient.atSocket(path, { ...options, signal }));
  using client = await connect(options.signal);
  try {
    return { ...await act(client, call), endpoint: path, roles: [SOCKET_ROLE], connect };
  } catch (error) {
    if (!(error instanceof TalosError)) throw error;
    const reason = faultSentence(explainSocketFailure(error));
    throw new PowerCallError(describeFailure(call, [reason], error), error.mayHaveHappened, error);
  }
}

/** What keeps the socket from being used, as far as the file system tells. */
export async function findSocketFault(path: string): Promise<Fault | undefined> {
  try {
    const { isSocket } = await Deno.stat(path);
    return isSocket === true ? undefined : { fact: `${path} is no socket`, remedy: WHERE };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { fact: `there is no socket ${path}`, remedy: WHERE };
    }
    return { fact: `${path} cannot be looked at (${messageOf(error)})`, remedy: AS_ROOT };
  }
}

/** What is wrong when a call at the socket has failed, and what to do. */
export function explainSocketFailure(
  { endpoint, failure, codeName, code, text }: TalosError,
): Fault {
  switch (failure) {
    case "status":
      return {
        fact: `${endpoint} answered ${codeName} (${code})${text === "" ? "" : ` "${text}"`}`,
        remedy: STATUS_ADVICE[codeName] ?? "look at the node's machined log",
      };
    case "unreachable":
      return {
        fact: `${endpoint} cannot be reached (${text})`,
        remedy: UNREACHABLE_ADVICE.find(([pattern]) => pattern.test(text))?.[1] ?? WHERE,
      };
    case "protocol":
      return { fact: `${endpoint} gave no valid answer (${text})`, remedy: WHERE };
    default:
      return { fact: `${endpoint} did not answer (${text})`, remedy: undefined };
  }
}

const UNREACHABLE_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/os error 111\b/, "nobody listens there: Talos' machined is starting or going down; try again"],
  [/os error 13\b/, AS_ROOT],
];

const STATUS_ADVICE: Readonly<Partial<Record<GrpcCodeName, string>>> = {
  PERMISSION_DENIED: WHO,
  INVALID_ARGUMENT: "this Talos does not know what was asked; check --reboot-mode",
  FAILED_PRECONDITION: "this Talos cannot do it in its mode, such as in a container (Docker)",
  UNIMPLEMENTED: "this Talos version or mode does not have the call",
  UNAVAILABLE: "Talos is starting or going down; try again",
};
