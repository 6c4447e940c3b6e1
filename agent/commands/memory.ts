import type { Host } from "../host/host.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import {
  hasMemoryBlocks,
  readMemoryBlock,
  readMemoryBlocks,
  readMemoryBlockSize,
  switchMemoryBlock,
} from "../host/memory_blocks.ts";
import {
  array,
  boolean,
  optional,
  required,
  struct,
  unsignedInteger,
} from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { inTurns, type Steps } from "../steps.ts";
import type { CommandContext } from "./context.ts";

const MEMORY_BLOCK = struct("GuestMemoryBlock", {
  "phys-index": required(unsignedInteger()),
  online: required(boolean()),
  "can-offline": optional(boolean()),
});

/** Blocks that are switched before others have a turn; each takes a few system calls. */
const BLOCKS_A_TURN = 64;

/** QAPI GuestMemoryBlockResponseType, and the error number of what has failed. */
type BlockResponse =
  | { readonly response: "success" }
  | {
    readonly response: "not-found" | "operation-not-supported" | "operation-failed";
    readonly "error-code": number;
  };

/** QAPI guest-get-memory-blocks. A kernel without memory hotplug has none to tell. */
export const guestGetMemoryBlocks = defineCommand({
  name: "guest-get-memory-blocks",
  summary: "The node's memory blocks, and which of them are online.",
  since: "2.3",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => {
  const blocks = readMemoryBlocks(host);
  if (blocks.length === 0 && hasMemoryBlocks(host)) {
    throw new QapiError("guest reported zero memory blocks!");
  }
  return blocks.map(({ index, online, canOffline }) => ({
    "phys-index": index,
    online,
    "can-offline": canOffline,
  }));
});

/** QAPI guest-set-memory-blocks. It goes on after a failure: each block has its own response. */
export const guestSetMemoryBlocks = defineCommand(
  {
    name: "guest-set-memory-blocks",
    summary: "Takes memory blocks of the node online or offline; the host's /sys must be writable.",
    since: "2.3",
    arguments: { "mem-blks": required(array(MEMORY_BLOCK)) },
    reply: "value",
    family: "set",
  },
  ({ "mem-blks": blocks }, { host }: CommandContext) => inTurns(setMemoryBlocks(host, blocks)),
);

/** QAPI guest-get-memory-block-info. */
export const guestGetMemoryBlockInfo = defineCommand({
  name: "guest-get-memory-block-info",
  summary: "The size of a memory block of the node in bytes.",
  since: "2.3",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => ({
  size: readMemoryBlockSize(host),
}));

function* setMemoryBlocks(
  host: Host,
  blocks: readonly { readonly "phys-index": bigint; readonly online: boolean }[],
): Steps<JsonObject[]> {
  const responses: JsonObject[] = [];
  for (const { "phys-index": index, online } of blocks) {
    responses.push({ "phys-index": index, ...setMemoryBlock(host, index, online) });
    if (responses.length % BLOCKS_A_TURN === 0) yield;
  }
  return responses;
}

function setMemoryBlock(host: Host, index: bigint, online: boolean): BlockResponse {
  if (!hasMemoryBlocks(host)) {
    return { response: "operation-not-supported", "error-code": Errno.ENOENT };
  }
  try {
    const block = readMemoryBlock(host, index);
    if (block === undefined) return { response: "not-found", "error-code": Errno.ENOENT };
    if (block.online !== online) switchMemoryBlock(host, index, online);
    return { response: "success" };
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    const response = error.errno === Errno.ENOENT ? "operation-not-supported" : "operation-failed";
    return { response, "error-code": error.errno };
  }
}
