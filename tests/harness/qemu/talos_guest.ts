import { FakeTalosApi } from "../talos/fake_talos_api_process.ts";
import { AMD64 } from "./architecture.ts";
import { Guest, type GuestOptions } from "./guest.ts";

/** The host's loopback as a guest on QEMU's user-mode network sees it. */
const HOST_ADDRESS = "10.0.2.2";

/** How a guest with our agent is set up; everything has a default. */
export interface TalosGuestOptions {
  /** Roles in the agent's client certificate. Default `os:operator`. */
  readonly roles?: readonly string[];
  /** More options of the agent. */
  readonly agentOptions?: string;
  /** More options of the guest. */
  readonly guest?: GuestOptions;
}

/** A machine on which something can act as machined does. */
export interface MachinedMachine {
  /** Powers it off from within. */
  powerOff(): Promise<unknown>;
  /** Reboots it from within, and waits until it is up again. */
  reboot(): Promise<void>;
}

/** Starts the Talos API that a guest made by `bootTalosGuest` finds on this machine. */
export function startTalosApi(): Promise<FakeTalosApi> {
  return FakeTalosApi.start({ ips: [HOST_ADDRESS, "127.0.0.1"], hostname: "talos-vm" });
}

/** The guest's part of the agent that ships for it, with credentials for the given Talos API. */
export async function withTalosAgent(
  api: FakeTalosApi,
  options: TalosGuestOptions = {},
): Promise<GuestOptions> {
  const roles = options.roles ?? ["os:operator"];
  const { executable } = options.guest?.architecture ?? AMD64;
  const command = [
    "/bin/qemu-ga-talos --verbose --talosconfig /var/run/secrets/talos.dev",
    `--talos-endpoint ${HOST_ADDRESS}:${api.port}`,
    options.agentOptions ?? "",
  ].join(" ");
  return {
    ...options.guest,
    programs: { "/bin/qemu-ga-talos": executable, ...options.guest?.programs },
    files: {
      "/var/run/secrets/talos.dev/config": await api.talosconfig({ roles }),
      ...options.guest?.files,
    },
    agentCommand: command,
  };
}

/** Boots a guest whose agent is the one that ships for it, with credentials for the given Talos API. */
export async function bootTalosGuest(
  api: FakeTalosApi,
  options: TalosGuestOptions = {},
): Promise<Guest> {
  return await Guest.boot(await withTalosAgent(api, options));
}

/**
 * Does what machined does with the next call that the API accepts: powers the guest off for Shutdown,
 * resets it for Reboot.
 */
export async function actAsMachined(api: FakeTalosApi, guest: MachinedMachine): Promise<void> {
  let past = api.calls.all.length;
  for await (const call of api.calls) {
    if (past-- > 0 || !call.allowed) continue;
    if (call.method === "Shutdown") {
      await guest.powerOff();
      return;
    }
    if (call.method === "Reboot") {
      await guest.reboot();
      return;
    }
  }
}
