import { ConfigError } from "./config_error.ts";
import type { Option } from "./option.ts";

/** A command line, taken apart. */
export interface ParsedCommandLine {
  /** Options and their texts in the order given; undefined stands for a flag without value. */
  readonly options: readonly (readonly [Option, string | undefined])[];
  /** The words that belong to no option. */
  readonly operands: readonly string[];
}

/**
 * Parses a command line as getopt_long(3) does, for qemu-ga's command lines must go on working: short
 * flags may be joined and may have their value attached, long flags may be abbreviated, `--` ends them.
 *
 * @throws ConfigError for an unknown or ambiguous flag, and for a value that is missing or too much
 */
export function parseCommandLine(
  words: readonly string[],
  options: readonly Option[],
): ParsedCommandLine {
  const parsed: (readonly [Option, string | undefined])[] = [];
  const operands: string[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      operands.push(...rest);
      break;
    }
    if (word.startsWith("--")) parsed.push(parseLong(word.slice(2), options, rest));
    else if (word.startsWith("-") && word.length > 1) {
      parsed.push(...parseShort(word, options, rest));
    } else operands.push(word);
  }
  return { options: parsed, operands };
}

function parseLong(
  text: string,
  options: readonly Option[],
  rest: string[],
): readonly [Option, string | undefined] {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const attached = equals < 0 ? undefined : text.slice(equals + 1);
  const option = findLong(name, options);
  if (option.kind === "boolean") {
    if (attached !== undefined) throw new ConfigError(`option --${option.name} takes no value`);
    return [option, undefined];
  }
  if (attached !== undefined || option.flagValue !== undefined) return [option, attached];
  return [option, takeValue(`--${option.name}`, option, rest)];
}

function findLong(name: string, options: readonly Option[]): Option {
  const names = (option: Option) => [option.name, ...option.otherKeys ?? []];
  const exact = options.find((option) => names(option).includes(name));
  if (exact !== undefined) return exact;
  const matches = name === ""
    ? []
    : options.filter((option) => names(option).some((long) => long.startsWith(name)));
  const [match] = matches;
  if (match === undefined) throw new ConfigError(`unknown option --${name}; see --help`);
  if (matches.length > 1) {
    const candidates = matches.map((option) => `--${option.name}`).join(", ");
    throw new ConfigError(`option --${name} is ambiguous: ${candidates}`);
  }
  return match;
}

function parseShort(
  word: string,
  options: readonly Option[],
  rest: string[],
): (readonly [Option, string | undefined])[] {
  const parsed: (readonly [Option, string | undefined])[] = [];
  for (let index = 1; index < word.length; index++) {
    const letter = word.charAt(index);
    const option = options.find((candidate) => candidate.short === letter);
    if (option === undefined) throw new ConfigError(`unknown option -${letter}; see --help`);
    if (option.kind === "boolean") {
      parsed.push([option, undefined]);
      continue;
    }
    const attached = word.slice(index + 1);
    if (attached !== "" || option.flagValue !== undefined) {
      parsed.push([option, attached === "" ? undefined : attached]);
    } else parsed.push([option, takeValue(`-${letter}`, option, rest)]);
    break;
  }
  return parsed;
}

function takeValue(flag: string, option: Option, rest: string[]): string {
  const value = rest.shift();
  if (value !== undefined) return value;
  const allowed = option.choices === undefined ? "" : `, one of ${option.choices.join(", ")}`;
  throw new ConfigError(`option ${flag} needs a value${allowed}`);
}
