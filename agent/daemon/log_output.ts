import { messageOf } from "../fault.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import type { Libc } from "../linux/libc.ts";
import { OutputDescriptor } from "../linux/output_descriptor.ts";
import type { LogDestination, WriteFailure } from "../log/paused_lines.ts";
import { jsonLine, type LineFormat } from "../log/log.ts";

/** Where the process writes its log: a file, standard error, or nowhere. */
export class LogOutput implements LogDestination, Disposable {
  readonly #libc: Libc;
  readonly #path: string | undefined;
  readonly #inBackground: boolean;
  #descriptor: OutputDescriptor | undefined;

  /**
   * @param path the file to append to; undefined for standard error
   * @param inBackground whether nobody is at standard error
   */
  constructor(libc: Libc, path: string | undefined, inBackground: boolean) {
    this.#libc = libc;
    // In the background the current directory is another one later.
    this.#path = path === undefined || path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
    this.#inBackground = inBackground;
  }

  /**
   * Opens it, or opens the file again after its rotation; what could be opened before stays in use when
   * that fails.
   *
   * @throws ConfigError when the file cannot be opened
   */
  open(): void {
    const last = this.#descriptor;
    if (this.#path === undefined) {
      if (!this.#inBackground) this.#descriptor ??= OutputDescriptor.shared(this.#libc);
      return;
    }
    try {
      this.#descriptor = OutputDescriptor.appendTo(this.#libc, this.#path);
    } catch (error) {
      const reason = messageOf(error);
      throw new ConfigError(`cannot write the log file ${this.#path}: ${reason}`);
    }
    last?.[Symbol.dispose]();
  }

  /** See `LogDestination`. */
  write(bytes: Uint8Array<ArrayBuffer>): number | WriteFailure {
    return this.#descriptor === undefined ? bytes.length : this.#descriptor.write(bytes);
  }

  /** Closes what was opened; standard error stays open. */
  [Symbol.dispose](): void {
    this.#descriptor?.[Symbol.dispose]();
    this.#descriptor = undefined;
  }
}

/** What log lines look like; colours are for people at a terminal who do not refuse them. */
export async function lineFormat(
  { logFormat, logfile }: Pick<Config, "logFormat" | "logfile">,
): Promise<LineFormat> {
  if (logFormat === "json") return jsonLine;
  const { textLine } = await import("../log/text_line.ts");
  const refused = (Deno.env.get("NO_COLOR") ?? "") !== "";
  return textLine(logfile === undefined && Deno.stderr.isTerminal() && !refused);
}
