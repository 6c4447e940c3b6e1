import type { Config } from "../config/config.ts";
import { parseCommandLine, type ParsedCommandLine } from "../config/getopt.ts";
import { loadConfig } from "../config/load_config.ts";
import type { Option } from "../config/option.ts";
import { OPTION_LIST } from "../config/options.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";

/** A sub-command's command line; `more` are options that only it has. */
export function parseWords(
  words: readonly string[],
  more: readonly Option[] = [],
): ParsedCommandLine {
  return parseCommandLine(words, [...OPTION_LIST, ...more]);
}

/** Whether a flag stands on the command line. */
export function hasFlag(commandLine: ParsedCommandLine, name: string): boolean {
  return commandLine.options.some(([option]) => option.name === name);
}

/** The configuration of this process: its flags, environment and files. */
export function loadProcessConfig(
  commandLine: ParsedCommandLine,
  files: KernelFiles,
): Promise<Config> {
  return loadConfig(commandLine, {
    environment: (name) => Deno.env.get(name),
    readTextFile: (path) => Deno.readTextFileSync(path),
    // Not by Deno.statSync: the first exception that Deno throws costs 5 ms of the start.
    exists: (path) => files.exists(path),
  });
}
