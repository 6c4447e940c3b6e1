import { type HttpResponse, textResponse } from "./server.ts";

/**
 * The page /livez. That it is answered shows that the event loop runs; `portLoopEnded` reports whether
 * the loop that serves the hypervisor has come to an end. A loop that waits for the device, for a
 * client or for a command is alive: killing an agent in the middle of a freeze would be the harm that
 * a liveness probe is there to prevent.
 */
export function livenessPage(portLoopEnded: boolean): HttpResponse {
  return portLoopEnded
    ? textResponse(503, "the hypervisor's port is not served any more")
    : textResponse(200, "alive");
}
