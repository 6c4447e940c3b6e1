import { messageOf } from "../fault.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import type { ParsedCommandLine } from "./getopt.ts";
import { HOST_TREES, type HostTree } from "./host_tree.ts";
import { parseKeyFile } from "./key_file.ts";
import { environmentVariable, type Option } from "./option.ts";
import { type OptionValue, readList, readOptionValue, splitList } from "./option_values.ts";
import { OPTION_LIST, OPTIONS } from "./options.ts";

const DEFAULT_FILE = "/etc/qemu/qemu-ga.conf";
/** qemu-ga's. */
const DAEMON_PIDFILE = "/var/run/qemu-ga.pid";

/** Where the configuration comes from, besides the command line. */
export interface ConfigSources {
  /** Looks up an environment variable. */
  readonly environment: (name: string) => string | undefined;
  /** Reads a file; throws when there is none. */
  readonly readTextFile: (path: string) => string;
  /** Whether there is such a file or directory. */
  readonly exists: (path: string) => boolean;
}

/** The texts that one source gives, each with where it stands, for errors. */
type Texts = Map<Option, { readonly text: string; readonly source: string }[]>;

/**
 * Joins the configuration: flag before environment before file before default. A list of commands
 * to block or allow adds up over all of them, as with qemu-ga, and starts afresh at an empty value.
 *
 * @throws ConfigError for the first mistake, wherever it stands
 */
export async function loadConfig(
  commandLine: ParsedCommandLine,
  sources: ConfigSources,
): Promise<Config> {
  const flags = textsOfFlags(commandLine);
  const environment = textsOfEnvironment(sources);
  const file = await textsOfFile(configFile(flags, sources), sources);
  const watched = await textsOfWatchedFile(flags, sources);
  const values: Record<string, OptionValue> = {};
  const options: readonly (readonly [string, Option])[] = Object.entries(OPTIONS);
  for (const [property, option] of options) {
    if (option.commandLineOnly) continue;
    const given = [file, watched, environment, flags].map((texts) => texts.get(option) ?? []);
    const value = option.kind === "list" ? joinLists(option, given) : lastValue(option, given);
    if (option.isIgnored) continue;
    values[property] = value ?? (option.tree && findTree(option.tree, sources));
  }
  // Each property has just been given a value of its option's kind, from which the type is made.
  const config = completed(values as Config);
  requireOneWayToTalos(config);
  return config;
}

function textsOfFlags(commandLine: ParsedCommandLine): Texts {
  const texts: Texts = new Map();
  for (const [option, value] of commandLine.options) {
    const text = value ?? option.flagValue ?? "true";
    addText(texts, option, text, `option --${option.name}`);
  }
  return texts;
}

function textsOfEnvironment(sources: ConfigSources): Texts {
  const texts: Texts = new Map();
  for (const option of OPTION_LIST) {
    if (option.commandLineOnly) continue;
    const variable = environmentVariable(option);
    const text = sources.environment(variable);
    // Setting a variable to nothing means leaving it out; only for a list is nothing a value.
    if (text === undefined || (text === "" && option.kind !== "list")) continue;
    addText(texts, option, text, `environment variable ${variable}`);
  }
  return texts;
}

/** The file to read, and who names it, in which case it must exist. */
function configFile(
  flags: Texts,
  sources: ConfigSources,
): { path: string; namedBy: string | undefined } {
  const flag = flags.get(OPTIONS.config)?.at(-1)?.text;
  const path = flag ?? sources.environment("QGA_CONF");
  return path === undefined || path === ""
    ? { path: DEFAULT_FILE, namedBy: undefined }
    : { path, namedBy: flag === undefined ? "QGA_CONF" : "--config" };
}

async function textsOfWatchedFile(flags: Texts, sources: ConfigSources): Promise<Texts> {
  const path = flags.get(OPTIONS.watchConfig)?.at(-1)?.text;
  return path === undefined ? new Map() : await textsOfFile({ path, namedBy: undefined }, sources);
}

async function textsOfFile(
  { path, namedBy }: ReturnType<typeof configFile>,
  sources: ConfigSources,
): Promise<Texts> {
  if (namedBy === undefined && !sources.exists(path)) return new Map();
  let text: string;
  try {
    text = sources.readTextFile(path);
  } catch (error) {
    const reason = messageOf(error);
    const name = namedBy === undefined ? path : `${path} that ${namedBy} names`;
    throw new ConfigError(`cannot read the configuration file ${name}: ${reason}`);
  }
  const entries = /\.ya?ml$/.test(path)
    ? await (await import("./yaml_file.ts")).parseYamlFile(text, path)
    : parseKeyFile(text, path);
  const texts: Texts = new Map();
  for (const [key, value] of entries) {
    addText(texts, findKey(key, path), value, `${path}: ${key}`);
  }
  return texts;
}

function findKey(key: string, path: string): Option {
  const candidates = OPTION_LIST.filter((option) => !option.commandLineOnly);
  const option = candidates.find(({ name, otherKeys }) => name === key || otherKeys?.includes(key));
  if (option !== undefined) return option;
  const allowed = candidates.map((candidate) => candidate.name).join(", ");
  throw new ConfigError(`${path}: unknown key ${key}; allowed are ${allowed}`);
}

function addText(texts: Texts, option: Option, text: string, source: string): void {
  const list = texts.get(option) ?? [];
  list.push({ text, source });
  texts.set(option, list);
}

type Given = readonly (readonly { readonly text: string; readonly source: string }[])[];

/** The value of the most important source; those of the others are checked all the same. */
function lastValue(option: Option, given: Given): OptionValue {
  let value: OptionValue = option.kind === "boolean" ? false : undefined;
  if (option.default !== undefined) {
    value = readOptionValue(option, option.default, `default of ${option.name}`);
  }
  for (const { text, source } of given.flat()) value = readOptionValue(option, text, source);
  return value;
}

function joinLists(option: Option, given: Given): readonly string[] | undefined {
  const relevant = option.accumulates
    ? given.flat()
    : given.findLast((texts) => texts.length > 0) ?? [];
  if (relevant.length === 0) {
    return option.default === undefined ? undefined : splitList(option.default);
  }
  let joined: readonly string[] = [];
  for (const { text, source } of relevant) {
    const elements = readList(option, text, source);
    joined = elements.length === 0 ? [] : [...joined, ...elements];
  }
  return joined;
}

/** The directory of a tree that no source names. */
function findTree(tree: HostTree, sources: ConfigSources): string {
  const { inPod, own } = HOST_TREES[tree];
  return sources.exists(inPod) ? inPod : own;
}

/** The socket takes neither credentials nor an address: what they are meant for would not happen. */
function requireOneWayToTalos(
  { talosSocket, talosconfig, talosContext, talosEndpoints }: Config,
): void {
  if (talosSocket === undefined) return;
  const others = [
    ...(talosconfig === undefined ? [] : [OPTIONS.talosconfig.name]),
    ...(talosContext === undefined ? [] : [OPTIONS.talosContext.name]),
    ...(talosEndpoints.length === 0 ? [] : [OPTIONS.talosEndpoints.name]),
  ];
  if (others.length === 0) return;
  throw new ConfigError(
    `${OPTIONS.talosSocket.name} cannot be used together with ${others.join(", ")}: ` +
      "take the socket in a system extension, a talosconfig everywhere else",
  );
}

/** What of the configuration follows from other options. */
function completed(config: Config): Config {
  return {
    ...config,
    pidfile: config.pidfile ?? (config.daemonize ? DAEMON_PIDFILE : undefined),
    logLevel: config.verbose ? "debug" : config.logLevel,
  };
}
