import { ConfigError } from "../config/config_error.ts";
import { parseKeyFile } from "../config/key_file.ts";

const FIRST = 1000n;
const LAST = 2n ** 63n - 1n;

/**
 * Gives out numbers for handles that no earlier run of the agent has given out: 1000, 1001 and so on.
 * The next one is kept in the file `qga.state`, where qemu-ga keeps it, too: `fd_counter` in the group
 * `[global]` of a key file.
 */
export class HandleNumbers {
  readonly #path: string;
  #next: bigint | undefined;

  /** `directory` is the agent's state directory; nothing is read before the first number is asked for. */
  constructor(directory: string) {
    this.#path = `${directory}/qga.state`;
  }

  /**
   * A number that was never given out before.
   *
   * @throws Error when that cannot be written down: the next run could give it out again
   */
  take(): bigint {
    const number = this.#next ?? this.#read();
    const next = number + 1n;
    const unfinished = `${this.#path}.new`;
    Deno.writeTextFileSync(unfinished, `[global]\nfd_counter=${next}\n`, { mode: 0o600 });
    Deno.renameSync(unfinished, this.#path);
    this.#next = next;
    return number;
  }

  /** The number in the state file; the first one when there is no such file or it is damaged. */
  #read(): bigint {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return FIRST;
      throw error;
    }
    const counter = this.#counterIn(text);
    const number = /^\d{1,19}$/.test(counter) ? BigInt(counter) : FIRST;
    return number < FIRST || number >= LAST ? FIRST : number;
  }

  #counterIn(text: string): string {
    try {
      return parseKeyFile(text, this.#path, "global").get("fd_counter") ?? "";
    } catch (error) {
      if (error instanceof ConfigError) return "";
      throw error;
    }
  }
}
