import { ok } from "node:assert/strict";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import type { TimeoutOptions } from "../harness/unix_stream.ts";

const NEWLINE = 0x0a;
const SENTINEL = 0xff;
/** No input has an id that is as large, so no reply but that to the harness's own has it. */
const FIRST_ID = 2 ** 40;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** What came of a burst. */
export interface BurstOutcome {
  readonly replies: number;
  readonly errors: number;
}

/**
 * Sends inputs, then finds its place again by 0xFF and guest-sync-delimited, as a client does. Each line
 * that comes back must be a reply, and the last one that to the synchronisation.
 *
 * @param number tells bursts apart
 * @throws {AssertionError} with the line that is not a reply
 */
export async function burst(
  client: GuestAgentClient,
  inputs: readonly Uint8Array[],
  number: number,
  options: TimeoutOptions = {},
): Promise<BurstOutcome> {
  const id = FIRST_ID + number;
  const sync = encoder.encode(`{"execute":"guest-sync-delimited","arguments":{"id":${id}}}\n`);
  const whole = [...inputs, Uint8Array.of(SENTINEL), sync];
  const bytes = new Uint8Array(whole.reduce((length, each) => length + each.length, 0));
  let offset = 0;
  for (const each of whole) {
    bytes.set(each, offset);
    offset += each.length;
  }
  // The agent stops reading while its replies are not read.
  const [outcome] = await Promise.all([replies(client, id, options), client.send(bytes)]);
  return outcome;
}

async function replies(
  client: GuestAgentClient,
  id: number,
  options: TimeoutOptions,
): Promise<BurstOutcome> {
  let count = 0;
  let errors = 0;
  // Line by line a client takes ten times as long.
  let rest = new Uint8Array(0);
  for (;;) {
    const received = await client.receive(options);
    const bytes = new Uint8Array(rest.length + received.length);
    bytes.set(rest);
    bytes.set(received, rest.length);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const line = bytes.subarray(start, end);
      start = end + 1;
      const reply = readReply(line);
      if (line[0] === SENTINEL && reply["return"] === id) {
        ok(start === bytes.length, "more came than was asked for");
        return { replies: count, errors };
      }
      count++;
      if ("error" in reply) errors++;
    }
    rest = bytes.slice(start);
  }
}

function readReply(line: Uint8Array): Readonly<Record<string, unknown>> {
  const bytes = line[0] === SENTINEL ? line.subarray(1) : line;
  const text = decoder.decode(bytes);
  ok(/^[\x20-\x7e]*$/.test(text), `not a line of ASCII: ${text}`);
  const reply = JSON.parse(text);
  const members = Object.keys(reply).filter((name) => name !== "id");
  ok(members.length === 1, text);
  if (members[0] === "return") return reply;
  ok(members[0] === "error", text);
  const { class: errorClass, desc, ...others } = reply.error;
  ok(/^(GenericError|CommandNotFound)$/.test(errorClass), text);
  ok(typeof desc === "string" && desc.length > 0 && Object.keys(others).length === 0, text);
  return reply;
}
