import { ConfigError } from "./config_error.ts";
import { formatListenAddress, type ListenAddress, parseListenAddress } from "./listen_address.ts";
import type { Option } from "./option.ts";

/** An option's validated value. A duration is in milliseconds; `none` is undefined. */
export type OptionValue =
  | string
  | boolean
  | readonly string[]
  | number
  | ListenAddress
  | undefined;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const TRUE = ["true", "1", "yes", "on"];
const FALSE = ["false", "0", "no", "off"];

/**
 * Reads the text of an option's value.
 *
 * @param source where the text stands, such as `option --method` or `/etc/x.yaml: method`
 * @throws ConfigError that says what is allowed
 */
export function readOptionValue(option: Option, text: string, source: string): OptionValue {
  switch (option.kind) {
    case "string":
      if (text === "") throw new ConfigError(`${source} must not be empty`);
      return text;
    case "boolean":
      // YAML has True and TRUE, too.
      if (TRUE.includes(text.toLowerCase())) return true;
      if (FALSE.includes(text.toLowerCase())) return false;
      throw new ConfigError(`${source} has the bad value '${text}': give true or false`);
    case "host-tree":
      if (text === "") throw new ConfigError(`${source} must not be empty`);
      return text.length > 1 ? text.replace(/\/+$/, "") : text;
    case "list":
      return readList(option, text, source);
    case "choice":
      return readChoice(option.choices ?? [], text, source);
    case "duration":
      return readDuration(text, source, "");
    case "optional-duration":
      return text === "none" ? undefined : readDuration(text, source, ", or none");
    case "listen-address": {
      if (text === "none") return undefined;
      const address = parseListenAddress(text);
      if (address !== undefined) return address;
      throw new ConfigError(
        `${source} has the bad value '${text}': give HOST:PORT, :PORT for all addresses, ` +
          "[IPv6]:PORT, or none",
      );
    }
  }
}

/** Writes a value as `readOptionValue` reads it. */
export function formatOptionValue(value: Exclude<OptionValue, undefined>): string {
  if (typeof value === "number") return `${value}ms`;
  if (typeof value !== "object") return String(value);
  if ("port" in value) return formatListenAddress(value);
  return value.join(",");
}

/**
 * Reads the text of a list.
 *
 * @throws ConfigError for an element that is none of the option's choices, where it has some
 */
export function readList(
  { choices }: Option,
  text: string,
  source: string,
): readonly string[] {
  const elements = splitList(text);
  return choices === undefined
    ? elements
    : elements.map((element) => readChoice(choices, element, source));
}

function readChoice(choices: readonly string[], text: string, source: string): string {
  if (choices.includes(text)) return text;
  throw new ConfigError(`${source} has the bad value '${text}': give ${orList(choices)}`);
}

/** The elements of a comma-separated list, without empty ones. */
export function splitList(text: string): readonly string[] {
  return text.split(",").map((element) => element.trim()).filter((element) => element !== "");
}

function readDuration(text: string, source: string, alternative: string): number {
  const milliseconds = toMilliseconds(text);
  // Longer ones would overflow the 32 bits of a timer.
  if (!(milliseconds <= 0x7fff_ffff)) {
    throw new ConfigError(
      `${source} has the bad value '${text}': give a time such as 500ms, 20s or 1m30s${alternative}`,
    );
  }
  return milliseconds;
}

/** A number of seconds, or numbers with units as Go writes a time; NaN for anything else. */
function toMilliseconds(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return 1000 * Number(text);
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return Number.NaN;
  const parts = text.matchAll(/([\d.]+)([a-z]+)/g);
  return parts.reduce(
    (sum, [, number, unit = ""]) => sum + Number(number) * (UNITS[unit] ?? Number.NaN),
    0,
  );
}

function orList(choices: readonly string[]): string {
  return choices.length < 2
    ? choices.join("")
    : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}
