import assert from "node:assert/strict";
import { readCredentials } from "../../../agent/talos/credentials/credentials.ts";
import { parseEndpoint } from "../../../agent/talos/endpoint.ts";
import { MachineClient, type RebootMode } from "../../../agent/talos/machine_client.ts";
import { TalosError } from "../../../agent/talos/talos_error.ts";
import { publishNothing } from "../../../agent/activity/activity.ts";
import type { TalosCallLog } from "./call_log.ts";

/** A Talos API for tests, fake or real. */
export interface TalosApiForTests extends AsyncDisposable {
  readonly calls: TalosCallLog;
  /** `HOST:PORT`. */
  readonly endpoint: string;
  /** Path of a talosconfig whose client certificate has this role. */
  talosconfigPath(role: "admin" | "operator" | "reader" | "none"): string;
}

/** A client for one endpoint of a test, with the credentials of a talosconfig. */
export async function connectClient(endpoint: string, talosconfig: string): Promise<MachineClient> {
  const credentials = await readCredentials(talosconfig, undefined, publishNothing);
  return await MachineClient.connect(parseEndpoint(endpoint), credentials, {
    timeoutMs: 5000,
    signal: new AbortController().signal,
    setTcpNoDelay() {},
    publish: publishNothing,
  });
}

/** The error of a promise that must be rejected with a TalosError. */
export async function talosErrorOf(promise: Promise<unknown>): Promise<TalosError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof TalosError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}

const MODES: readonly (readonly [RebootMode, number])[] = [
  ["default", 0],
  ["powercycle", 1],
  ["force", 2],
];

/** Registers the tests that every Talos API must pass with our client. */
export function registerClientCases(name: string, start: () => Promise<TalosApiForTests>): void {
  for (const role of ["operator", "admin"] as const) {
    Deno.test(`${name}: os:${role} may shut down and reboot, on one connection`, async () => {
      await using api = await start();
      using client = await connectClient(api.endpoint, api.talosconfigPath(role));
      await client.shutdown({ force: false });
      await client.shutdown({ force: true });
      const { actorId } = await client.reboot({ mode: "powercycle" });
      assert(actorId === undefined || actorId !== "");
      const calls = await api.calls.waitFor(3);
      assert.deepEqual(api.calls.methods, ["Shutdown", "Shutdown", "Reboot"]);
      assert.equal(Boolean(calls[0]?.request["force"]), false);
      assert.equal(calls[1]?.request["force"], true);
    });
  }

  for (const role of ["reader", "none"] as const) {
    Deno.test(`${name}: role ${role} may not shut down nor reboot`, async () => {
      await using api = await start();
      using client = await connectClient(api.endpoint, api.talosconfigPath(role));
      for (
        const call of [
          () => client.shutdown({ force: true }),
          () => client.reboot({ mode: "default" }),
        ]
      ) {
        const error = await talosErrorOf(call());
        assert.equal(error.code, 7);
        assert.equal(error.codeName, "PERMISSION_DENIED");
        assert.equal(error.text, "not authorized");
        assert.equal(error.failure, "status");
        assert.equal(error.mayHaveHappened, false);
        assert.equal(error.endpoint, api.endpoint);
      }
    });
  }

  Deno.test(`${name}: each mode of a reboot arrives as its number`, async () => {
    await using api = await start();
    using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
    for (const [mode] of MODES) await client.reboot({ mode });
    const calls = await api.calls.waitFor(MODES.length);
    assert.deepEqual(
      calls.map((call) => rebootMode(call.request["mode"])),
      MODES.map(([, number]) => number),
    );
  });
}

/** protojson writes an enum by its name and leaves the first one out. */
function rebootMode(value: unknown): unknown {
  const names: Readonly<Record<string, number>> = { DEFAULT: 0, POWERCYCLE: 1, FORCE: 2 };
  return value === undefined ? 0 : typeof value === "string" ? names[value] : value;
}
