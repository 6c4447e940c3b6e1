import { ChannelError } from "../channel/channel.ts";
import { callOverSocket, withoutSentinel } from "../channel/unix_client.ts";
import { COMMANDS } from "../commands/all.ts";
import { ConfigError } from "../config/config_error.ts";
import type { Option } from "../config/option.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import type { Reply } from "../protocol/reply.ts";
import { OutputDescriptor } from "../linux/output_descriptor.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../protocol/json_value.ts";
import { JsonMessageStream } from "../protocol/json_message_stream.ts";
import { writeJson } from "../protocol/json_writer.ts";
import { publishNothing } from "../activity/activity.ts";
import { PausedLines } from "../log/paused_lines.ts";
import { jsonLog } from "../log/log.ts";
import { Agent } from "../daemon/agent.ts";
import { hasFlag, loadProcessConfig, parseWords } from "./command_line.ts";

const LOCAL: Option = { name: "local", kind: "boolean", help: "", commandLineOnly: true };
/** They would leave the node frozen with nobody who thaws it. */
const NOT_LOCAL = ["guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list"];
const USAGE = "call [--local | --path SOCKET] COMMAND [ARGUMENTS], ARGUMENTS being a JSON object";

/**
 * The sub-command `call`: sends a command to the agent that listens on a unix socket, or runs it in
 * this process, and prints what it returns. Exit status 1 and the error on standard error when the
 * command fails.
 */
export async function call(words: readonly string[]): Promise<number> {
  const commandLine = parseWords(words, [LOCAL]);
  const [command, argumentText = "{}", surplus] = commandLine.operands;
  if (hasFlag(commandLine, "help")) {
    console.log(`Usage: qemu-ga-talos ${USAGE}`);
    return 0;
  }
  if (command === undefined || surplus !== undefined) {
    throw new ConfigError(`usage: qemu-ga-talos ${USAGE}`);
  }
  const request = { execute: command, arguments: readArguments(argumentText) };
  using libc = new Libc();
  const config = await loadProcessConfig(commandLine, new KernelFiles(libc));
  if (hasFlag(commandLine, "local")) {
    if (NOT_LOCAL.includes(command)) {
      throw new ConfigError(
        `${command} needs an agent that runs on and thaws: give its socket with --path`,
      );
    }
    using output = OutputDescriptor.shared(libc);
    using lines = new PausedLines();
    lines.sendTo(output);
    const log = jsonLog(lines.write, {
      level: config.logLevel === "info" ? "warn" : config.logLevel,
    });
    await using agent = new Agent(config, log, lines, libc, publishNothing);
    // So that guest-fsfreeze-thaw thaws what an agent that was killed has left.
    agent.freezer.takeOver();
    const reply = await agent.dispatcher.dispatch(agent.dispatcher.parse({ value: request }));
    return show(reply === undefined ? undefined : await readEnvelope(reply));
  }
  if (config.path === undefined) {
    throw new ConfigError("call needs --path SOCKET of a running agent (unix-listen), or --local");
  }
  return show(await callSocket(config.path, request));
}

function readArguments(text: string): JsonObject {
  const [message] = new JsonMessageStream().feed(new TextEncoder().encode(text));
  if (message !== undefined && "value" in message && isJsonObject(message.value)) {
    return message.value;
  }
  throw new ConfigError(`the arguments must be a JSON object, found: ${text}`);
}

/** The reply's envelope, or undefined for a success that is not answered. */
async function callSocket(path: string, request: JsonObject): Promise<JsonObject | undefined> {
  const mayGoDown = COMMANDS.some(({ name, reply }) =>
    name === request["execute"] && reply === "none"
  );
  try {
    return await callOverSocket(path, request, { mayGoDown });
  } catch (error) {
    if (error instanceof ChannelError) throw new ConfigError(error.message);
    throw error;
  }
}

/** The first message of a reply. */
async function readEnvelope(reply: Reply): Promise<JsonObject | undefined> {
  const stream = new JsonMessageStream();
  let envelope: JsonObject | undefined;
  for await (const piece of reply instanceof Uint8Array ? [reply] : reply) {
    for (const message of stream.feed(withoutSentinel(piece))) {
      if ("value" in message && isJsonObject(message.value)) envelope ??= message.value;
    }
  }
  return envelope;
}

function show(envelope: JsonObject | undefined): number {
  if (envelope === undefined) return 0;
  const { error, return: result } = envelope;
  if (error !== undefined && isJsonObject(error)) {
    console.error(`qemu-ga-talos: ${error["class"]}: ${error["desc"]}`);
    return 1;
  }
  console.log(pretty(result ?? null, ""));
  return 0;
}

function pretty(value: JsonValue, indent: string): string {
  const inner = `${indent}  `;
  const wrap = (open: string, parts: readonly string[], close: string): string =>
    parts.length === 0
      ? open + close
      : `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
  if (Array.isArray(value)) {
    return wrap("[", value.map((item: JsonValue) => pretty(item, inner)), "]");
  }
  if (!isJsonObject(value)) return writeJson(value);
  const members = Object.entries(value)
    .map(([key, member]) => `${writeJson(key)}: ${pretty(member ?? null, inner)}`);
  return wrap("{", members, "}");
}
