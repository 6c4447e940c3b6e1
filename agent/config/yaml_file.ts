import type { ParsedNode } from "yaml";
import { ConfigError } from "./config_error.ts";

/** What YAML takes for no value, where it is not quoted. */
const NOTHING = ["", "~", "null", "Null", "NULL"];

/**
 * Reads a configuration file in YAML: a mapping of option names to scalars, or to lists of scalars for
 * the options that are lists. An empty file is an empty mapping. A scalar is taken as it is written, and
 * its option says what it means: `1.10`, `007` and `0x10` are no numbers here.
 *
 * @param path what to call the file in errors
 * @returns the texts of the values, as a flag would have them
 * @throws ConfigError when it is no YAML or of another shape
 */
export async function parseYamlFile(text: string, path: string): Promise<Map<string, string>> {
  const { isAlias, isMap, isScalar, isSeq, parseDocument } = await import("yaml");
  const document = parseDocument(text, { schema: "failsafe", logLevel: "error" });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const [reason = ""] = mistake.message.split("\n");
    throw new ConfigError(`${path}: ${reason}`);
  }

  const scalar = (node: unknown): string | undefined => {
    const target = isAlias(node) ? node.resolve(document) : node;
    if (!isScalar(target) || typeof target.value !== "string") return undefined;
    const isPlain = target.type === "PLAIN" || target.type === undefined;
    return isPlain && NOTHING.includes(target.value) ? undefined : target.value;
  };
  const value = (key: string, node: ParsedNode | null): string => {
    const target = isAlias(node) ? node.resolve(document) : node;
    const texts = isSeq(target) ? target.items.map(scalar) : [scalar(target)];
    const given = texts.filter((text) => text !== undefined);
    if (given.length === texts.length) return given.join(",");
    throw new ConfigError(
      `${path}: ${key} must be a text, a number, true, false, or a list of them`,
    );
  };

  const { contents } = document;
  if (contents === null || (isScalar(contents) && scalar(contents) === undefined)) return new Map();
  if (!isMap<ParsedNode, ParsedNode | null>(contents)) {
    throw new ConfigError(`${path}: expected a mapping of option names to values`);
  }
  return new Map(contents.items.map((pair) => {
    const key = scalar(pair.key);
    if (key === undefined) throw new ConfigError(`${path}: expected the names of options as keys`);
    return [key, value(key, pair.value)];
  }));
}
