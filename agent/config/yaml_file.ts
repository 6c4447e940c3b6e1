import { messageOf } from "../fault.ts";
import type { DocumentOptions, SchemaOptions } from "yaml";
import { ConfigError } from "./config_error.ts";

/**
 * Every scalar is a text, as it is written: what it means the option's declaration says. YAML itself
 * would make 7 of 007, and 1.1 of 1.10. Only nothing, `null` and `~` are not values.
 */
const AS_WRITTEN: DocumentOptions & SchemaOptions = {
  schema: "failsafe",
  customTags: ["null"],
  logLevel: "error",
};

/**
 * Reads a configuration file in YAML: a mapping of option names to scalars, or to lists of scalars for
 * the options that are lists. An empty file is an empty mapping.
 *
 * @param path what to call the file in errors
 * @returns the texts of the values, as a flag would have them
 * @throws ConfigError when it is not YAML or of another shape
 */
export async function parseYamlFile(text: string, path: string): Promise<Map<string, string>> {
  const { parse } = await import("yaml");
  let document: unknown;
  try {
    document = parse(text, AS_WRITTEN);
  } catch (error) {
    const [reason = ""] = (messageOf(error)).split("\n");
    throw new ConfigError(`${path}: ${reason}`);
  }
  if (document === null || document === undefined) return new Map();
  if (typeof document !== "object" || Array.isArray(document)) {
    throw new ConfigError(`${path}: expected a mapping of option names to values`);
  }
  return new Map(
    Object.entries(document).map(([key, value]) => [key, scalarText(key, value, path)]),
  );
}

function scalarText(key: string, value: unknown, path: string): string {
  if (Array.isArray(value)) {
    return value.map((element: unknown) => scalarText(key, element, path)).join(",");
  }
  if (typeof value === "string") return value;
  throw new ConfigError(`${path}: ${key} must be a text, a number, true, false, or a list of them`);
}
