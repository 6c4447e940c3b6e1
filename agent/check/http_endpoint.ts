import { formatListenAddress, type ListenAddress } from "../config/listen_address.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";
import { messageOf } from "../fault.ts";

const NAME = "http";
const TIMEOUT_MS = 3000;
/** What a socket that listens there means as an address to connect to. */
const WILDCARDS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
const OTHER_PROGRAM = "stop the other program, or choose another --listen-address (metrics.port)";

/**
 * What the running agent says of itself over HTTP.
 *
 * @param address as `--listen-address` has it; undefined = the agent serves no HTTP
 */
export async function checkHttpEndpoint(address: ListenAddress | undefined): Promise<CheckLine> {
  if (address === undefined) return ok(NAME, "off (--listen-address none)");
  const { hostname = "127.0.0.1", port } = address;
  const at = formatListenAddress({ hostname: WILDCARDS[hostname] ?? hostname, port });
  try {
    const live = await get(`http://${at}/livez`);
    const ready = await get(`http://${at}/readyz?verbose`);
    const readiness = readReadiness(ready.body);
    if (readiness === undefined) {
      const fact = `what listens on ${at} is not an agent (HTTP ${ready.status} for /readyz)`;
      return failed(NAME, fact, OTHER_PROGRAM);
    }
    if (live.status !== 200) {
      const fact = `the agent at ${at} says that it is not alive (HTTP ${live.status})`;
      return failed(NAME, fact, "look at its log, and start it again");
    }
    if (ready.status === 200) return ok(NAME, `the agent at ${at} is alive and ready`);
    const fact = `the agent at ${at} is not ready: ${readiness.join("; ")}`;
    return failed(NAME, fact, "mend what it says; the other lines of this check tell more");
  } catch (error) {
    return explain(at, error);
  }
}

async function get(url: string): Promise<{ status: number; body: string }> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: "manual",
  });
  return { status: response.status, body: await response.text() };
}

/** Why the agent is not ready, by its own words; undefined when it is not the agent who speaks. */
function readReadiness(body: string): string[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    // Another program's page.
    return undefined;
  }
  if (!isRecord(document) || !Array.isArray(document["conditions"])) return undefined;
  return document["conditions"].flatMap((condition: unknown) =>
    isRecord(condition) && condition["ok"] === false && condition["counts"] !== false
      ? [`${condition["name"]}: ${condition["reason"]}`]
      : []
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function explain(at: string, error: unknown): CheckLine {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    const fact = `${at} takes connections, but does not answer within ${TIMEOUT_MS / 1000} s`;
    return failed(NAME, fact, "look at the agent's log; if it hangs, start it again");
  }
  // Newer versions of Deno tell the reason in the cause.
  const reason = messageOf(
    error instanceof Error && error.cause !== undefined ? error.cause : error,
  );
  if (/Connection refused/.test(reason)) {
    const fact = `nothing listens on ${at}, so no agent runs here, or it could not listen`;
    return warning(NAME, fact, "start the agent, and look in its log for --listen-address");
  }
  return failed(NAME, `what listens on ${at} speaks no HTTP (${reason})`, OTHER_PROGRAM);
}
