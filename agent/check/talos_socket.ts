import { publishNothing } from "../activity/activity.ts";
import { explainSocketFailure, findSocketFault } from "../talos/machined_socket.ts";
import { MachineClient, SOCKET_ROLE } from "../talos/machine_client.ts";
import { TalosError } from "../talos/talos_error.ts";
import { type CheckLine, failed, ok } from "./check_line.ts";

/** Longer than the 5 seconds for which machined looks for the process that calls. */
const CALL_TIMEOUT_MS = 8000;
const TRY_AGAIN = "try again, and look at the node's machined log";

/** Whether machined's socket is where the configuration says. */
export async function checkSocket(path: string): Promise<CheckLine> {
  const name = "talos socket";
  const fault = await findSocketFault(path);
  if (fault !== undefined) return failed(name, fault.fact, fault.remedy ?? TRY_AGAIN);
  return ok(name, `${path}, as ${SOCKET_ROLE}`, SOCKET_ROLE);
}

/** Asks machined at its socket for its version, which it tells whom it would let shut the node down. */
export async function checkTalosAtSocket(path: string, signal: AbortSignal): Promise<CheckLine> {
  const name = "talos api";
  const started = performance.now();
  const options = { timeoutMs: CALL_TIMEOUT_MS, signal, publish: publishNothing };
  using client = MachineClient.atSocket(path, options);
  try {
    const version = await client.version();
    const milliseconds = Math.round(performance.now() - started);
    return ok(name, `${path} is Talos ${version}, answered in ${milliseconds} ms`, version);
  } catch (error) {
    if (!(error instanceof TalosError)) throw error;
    const { fact, remedy = TRY_AGAIN } = explainSocketFailure(error);
    return failed(name, fact, remedy);
  }
}
