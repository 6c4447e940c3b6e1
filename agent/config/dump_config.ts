import type { Config } from "./config.ts";
import { formatKeyFile } from "./key_file.ts";
import type { Option, OptionKind } from "./option.ts";
import { formatOptionValue, type OptionValue } from "./option_values.ts";
import { OPTIONS } from "./options.ts";

/** Their values can be `none`, which is not the same as leaving them out. */
const NONE_KINDS: readonly OptionKind[] = ["optional-duration", "listen-address"];

/** The configuration as qemu-ga's key file, which `--config` reads back to the same configuration. */
export function dumpConfig(config: Config): string {
  const values: Readonly<Record<string, OptionValue>> = config;
  const options: readonly (readonly [string, Option])[] = Object.entries(OPTIONS);
  return formatKeyFile(options.flatMap(([property, option]): [string, string][] => {
    if (!Object.hasOwn(values, property)) return [];
    const value = values[property];
    if (value !== undefined) return [[option.qemuGaKey ?? option.name, formatOptionValue(value)]];
    return NONE_KINDS.includes(option.kind) ? [[option.name, "none"]] : [];
  }));
}
