import { OPTIONS } from "../config/options.ts";
import type { ParsedCommandLine } from "../config/getopt.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";

/** How often the file is looked at, in milliseconds: it changes with the machine's configuration only. */
const INTERVAL_MS = 5000;

/** What is done when the file is not any more what it was. */
export interface ConfigWatchActions {
  /** Whether the agent may be ended now; it is asked again later if not. */
  readonly mayEnd: () => boolean;
  /** Ends it. */
  readonly end: (path: string) => void;
}

/**
 * Compares a configuration file, which need not be there, with what it was when this was made: make it before
 * the configuration is read, so that no change in between is missed.
 */
export class ConfigWatch {
  readonly #files: KernelFiles;
  readonly #path: string;
  readonly #before: string | undefined;

  constructor(files: KernelFiles, path: string) {
    this.#files = files;
    this.#path = path;
    this.#before = this.#read();
  }

  /** For the file that `--watch-config` names; undefined without it. */
  static of(commandLine: ParsedCommandLine, files: KernelFiles): ConfigWatch | undefined {
    const path = commandLine.options.findLast(([{ name }]) => name === OPTIONS.watchConfig.name)
      ?.[1];
    return path === undefined ? undefined : new ConfigWatch(files, path);
  }

  /** Looks at the file again and again, until it has changed or the result is disposed of. */
  start({ mayEnd, end }: ConfigWatchActions, intervalMs = INTERVAL_MS): Disposable {
    const timer = setInterval(() => {
      if (this.#read() === this.#before || !mayEnd()) return;
      clearInterval(timer);
      end(this.#path);
    }, intervalMs);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  #read(): string | undefined {
    return this.#files.readTextIfPresent(this.#path);
  }
}
