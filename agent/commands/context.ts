import type { CommandState } from "../protocol/dispatcher.ts";
import type { Freezer } from "../freeze/freezer.ts";
import type { GuestFiles } from "../guest/files.ts";
import type { GuestProcesses } from "../guest/processes.ts";
import type { Host } from "../host/host.ts";
import type { InterfaceSelection } from "../host/network/interfaces.ts";
import type { TrimResult } from "../freeze/trim.ts";
import type { PowerAction } from "../talos/power.ts";

/** What shuts the machine down. */
export interface Power {
  /**
   * Asks for an action and returns when it has been accepted.
   *
   * @throws Error whose message tells the hypervisor's user what is wrong
   */
  request(action: PowerAction): Promise<void>;
}

/** Everything that a command needs besides its arguments. */
export interface CommandContext {
  /** The agent's version. */
  readonly version: string;
  /** All commands, and why those that would not run now are disabled. */
  readonly commandStates: () => readonly CommandState[];
  readonly host: Host;
  readonly power: Power;
  /** The files that clients have open. */
  readonly guestFiles: GuestFiles;
  /** The programs that clients have started. */
  readonly guestProcesses: GuestProcesses;
  readonly freezer: Pick<Freezer, "state" | "freeze" | "thaw">;
  /** See `trimFileSystems`. */
  readonly trim: (minimum: bigint) => Promise<TrimResult[]>;
  readonly interfaces: InterfaceSelection;
}
