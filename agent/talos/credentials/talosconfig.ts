import { type Fault, FaultError, messageOf } from "../../fault.ts";
import { decodeBase64, parsePem } from "./pem.ts";

/** One context of a talosconfig, its fields decoded. */
export interface Talosconfig {
  /** Name of the context. */
  readonly context: string;
  /** As they are written there; may be empty. */
  readonly endpoints: readonly string[];
  /** PEM of one or more certificates; undefined = the system's authorities. */
  readonly ca: string | undefined;
  /** PEM of the client certificate. */
  readonly certificate: string;
  /** PEM of its private key, with the label it has in the file. */
  readonly key: string;
}

/** What reading a talosconfig throws; the message names the file and what to do. */
export class TalosconfigError extends FaultError {
  override readonly name = "TalosconfigError";
}

/**
 * Reads a talosconfig. `path` is the file, or a directory where a Talos ServiceAccount's Secret is
 * mounted, whose file is `config`. `context` chooses a context; undefined = the one that the file
 * chooses.
 *
 * @throws TalosconfigError when the file cannot be read or has no usable context.
 */
export async function readTalosconfig(
  path: string,
  context: string | undefined,
): Promise<Talosconfig> {
  let file = path;
  let text: string;
  try {
    if ((await Deno.stat(path)).isDirectory) file = `${path.replace(/\/+$/, "")}/config`;
    text = await Deno.readTextFile(file);
  } catch (error) {
    const { fact, remedy } = readFailure(error);
    throw new TalosconfigError(`talosconfig ${file}: ${fact}`, remedy, { cause: error });
  }
  return await parseTalosconfig(text, context, file);
}

function readFailure(error: unknown): Fault {
  if (error instanceof Deno.errors.NotFound) {
    return {
      fact: "there is no such file",
      remedy: "set --talosconfig to the file or the Secret's directory",
    };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return { fact: "it may not be read: permission denied", remedy: undefined };
  }
  return { fact: messageOf(error), remedy: undefined };
}

/** Throws, with what is wrong and what to do about it. */
type Fail = (fact: string, remedy?: string, cause?: unknown) => never;

/**
 * Reads the text of a talosconfig: YAML with `context` and `contexts`; fields that are not needed
 * are ignored. `source` is the file's name for messages.
 *
 * @throws TalosconfigError when the text has no usable context.
 */
export async function parseTalosconfig(
  text: string,
  context: string | undefined,
  source: string,
): Promise<Talosconfig> {
  const fail: Fail = (fact, remedy, cause) => {
    throw new TalosconfigError(`talosconfig ${source}: ${fact}`, remedy, { cause });
  };
  if (text.trim() === "") fail("it is empty");
  const document = await parseYaml(text, fail);
  if (!isRecord(document)) return fail("it is not a talosconfig: no mapping at its top");
  const contexts = document["contexts"];
  if (!isRecord(contexts) || Object.keys(contexts).length === 0) {
    return fail("it has no contexts");
  }
  const names = Object.keys(contexts).join(", ");
  const name = context ?? document["context"];
  if (typeof name !== "string" || name === "") {
    return fail("it chooses no context", `set --talos-context to one of: ${names}`);
  }
  const chosen = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (chosen === undefined) {
    return fail(`it has no context ${JSON.stringify(name)}`, `--talos-context can be: ${names}`);
  }
  const inContext: Fail = (fact, remedy) =>
    fail(`context ${JSON.stringify(name)}: ${fact}`, remedy);
  if (!isRecord(chosen)) return inContext("it is not a mapping");
  return {
    context: name,
    endpoints: readEndpoints(chosen, inContext),
    ca: readPem(chosen, "ca", inContext),
    certificate: readPem(chosen, "crt", inContext) ?? missing("crt", inContext),
    key: readPem(chosen, "key", inContext) ?? missing("key", inContext),
  };
}

async function parseYaml(
  text: string,
  fail: Fail,
): Promise<unknown> {
  // Loaded at first use: nobody needs YAML before a power action is asked for.
  const { parse } = await import("yaml");
  try {
    // All that is read of it is text. YAML itself would look for context 7 when 007 is chosen.
    return parse(text, { schema: "failsafe", customTags: ["null"], logLevel: "error" });
  } catch (error) {
    // The first line says what and where; the others show the text, which holds a private key.
    const [reason] = messageOf(error).split("\n");
    return fail(`it is not valid YAML (half written?): ${reason}`);
  }
}

function missing(field: string, fail: Fail): never {
  return fail(`${field} is missing`, "only client certificates can be used to log in");
}

function readEndpoints(
  context: Record<string, unknown>,
  fail: Fail,
): string[] {
  const list = context["endpoints"] ?? [];
  if (!Array.isArray(list)) return fail("endpoints is not a list");
  // `target` is what talosconfig had before it knew of several endpoints.
  const target = context["target"];
  return [...list, ...(target === undefined || target === null ? [] : [target])].map((entry) =>
    typeof entry === "string" && entry.trim() !== ""
      ? entry.trim()
      : fail("an endpoint is not text, or empty")
  );
}

function readPem(
  context: Record<string, unknown>,
  field: "ca" | "crt" | "key",
  fail: Fail,
): string | undefined {
  const value = context[field];
  if (value === undefined || value === null || value === "") return undefined;
  const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
  if (bytes === undefined) return fail(`${field} is not base64 (half written?)`);
  const text = new TextDecoder().decode(bytes);
  const wanted = field === "key" ? "PRIVATE KEY" : "CERTIFICATE";
  if (!parsePem(text).some((block) => block.label.endsWith(wanted))) {
    return fail(`${field} is base64 of something that is not a PEM ${wanted} (half written?)`);
  }
  return text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
