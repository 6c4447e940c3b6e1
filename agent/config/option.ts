import type { HostTree } from "./host_tree.ts";

/** How an option's text is read. */
export type OptionKind =
  /** true or false; a flag without a value is true. */
  | "boolean"
  | "string"
  /** Names, separated by commas; several occurrences add up, an empty one starts afresh. */
  | "list"
  /** One of `choices`. */
  | "choice"
  /** A time such as 500ms, 20s or 1m30s; a number without unit is in seconds. */
  | "duration"
  /** As `duration`, or `none`. */
  | "optional-duration"
  /** `HOST:PORT`, `:PORT` for all addresses, or `none`. */
  | "listen-address"
  /** A directory where `tree` of the host is; its place in a pod, or else the own one, when left out. */
  | "host-tree";

/**
 * An option of the agent, declared once: the type of its value, command line, environment, configuration
 * files, help text and dump are made from it.
 */
export interface Option {
  /** The long flag, and the key in configuration files. */
  readonly name: string;
  /** qemu-ga's short flag. */
  readonly short?: string;
  /** What qemu-ga's key file calls it, where that is not `name`. */
  readonly qemuGaKey?: string;
  /** Other names under which configuration files know it. */
  readonly otherKeys?: readonly string[];
  readonly kind: OptionKind;
  /** Of a `choice`, and of the elements of a `list` that takes no others. */
  readonly choices?: readonly string[];
  /** Of a `host-tree`: which. */
  readonly tree?: HostTree;
  /** Of a `list`: what command line, environment and file give adds up, as qemu-ga has it. */
  readonly accumulates?: true;
  /** The value when nothing gives one, as text; undefined for none. */
  readonly default?: string;
  /** The value of a flag given without one; a flag with a `flagValue` takes its value after `=` only. */
  readonly flagValue?: string;
  /** What stands for the value in the help text. */
  readonly placeholder?: string;
  readonly help: string;
  /** Only on the command line: it asks for something, or names the file that the rest comes from. */
  readonly commandLineOnly?: true;
  /** Accepted because qemu-ga has it; it changes nothing, and `Config` does not have it. */
  readonly isIgnored?: true;
  /** Whether qemu-ga has the option, too. */
  readonly qemuGa?: true;
}

/** The environment variable of an option: `QGA_` and the name in capitals. */
export function environmentVariable(option: Option): string {
  if (option.name === "config") return "QGA_CONF";
  return `QGA_${option.name.toUpperCase().replaceAll("-", "_")}`;
}
