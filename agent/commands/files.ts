import { type GuestFile, Whence } from "../guest/files.ts";
import {
  alternate,
  base64,
  enumeration,
  integer,
  optional,
  required,
  string,
} from "../protocol/argument_type.ts";
import { decodeBase64 } from "../protocol/base64.ts";
import { ResultWithBytes } from "../protocol/command_result.ts";
import { type AccessRule, defineCommand } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { inTurns } from "../steps.ts";
import type { CommandContext } from "./context.ts";

type FilesContext = Pick<CommandContext, "guestFiles">;

const DEFAULT_COUNT = 4096n;
const MAXIMUM_COUNT = 48n * 1024n * 1024n;

const HOST_FILES: AccessRule = {
  access: "blocked",
  reason: "the node's files are closed to the hypervisor",
};

/** QAPI GuestFileWhence: the names, or numbers of the agent's own, which are lseek(2)'s here. */
const WHENCE = alternate("GuestFileWhence", {
  number: integer(),
  string: enumeration("QGASeek", ["set", "cur", "end"]),
});

/** QAPI guest-file-open. */
export const guestFileOpen = defineCommand({
  name: "guest-file-open",
  summary: "Opens a file of the node, and gives a handle for the other guest-file commands.",
  since: "0.15",
  arguments: { path: required(string()), mode: optional(string()) },
  reply: "value",
  family: "file",
  byDefault: HOST_FILES,
  mayTakeLong: true,
}, ({ path, mode = "r" }, { guestFiles }: FilesContext) => {
  return guestFiles.open(path, mode);
});

/** QAPI guest-file-close. */
export const guestFileClose = defineCommand({
  name: "guest-file-close",
  summary: "Closes a file that guest-file-open has opened.",
  since: "0.15",
  arguments: { handle: required(integer()) },
  reply: "value",
  family: "file",
  byDefault: HOST_FILES,
  mayTakeLong: true,
}, async ({ handle }, { guestFiles }: FilesContext) => {
  if (!await guestFiles.close(handle)) throw unknownHandle(handle);
  return {};
});

/** QAPI guest-file-read. */
export const guestFileRead = defineCommand({
  name: "guest-file-read",
  summary:
    "Reads from an open file: 4096 bytes when no count is given, 48 MiB at most, or less at a time " +
    "where the agent's memory is limited.",
  since: "0.15",
  arguments: { handle: required(integer()), count: optional(integer()) },
  reply: "value",
  family: "file",
  byDefault: HOST_FILES,
  mayTakeLong: true,
}, async ({ handle, count = DEFAULT_COUNT }, { guestFiles }: FilesContext) => {
  const file = guestFiles.find(handle) ?? fail(unknownHandle(handle));
  if (count < 0n || count > MAXIMUM_COUNT) throw invalidCount(count);
  const { bytes, eof } = await file.read(Number(count));
  return new ResultWithBytes(
    { count: bytes.length, "buf-b64": bytes, eof },
    () => bytes[Symbol.dispose](),
  );
});

/**
 * QAPI guest-file-write. A full pipe takes a part: the count says how much, and only when it is
 * nothing is it an error.
 */
export const guestFileWrite = defineCommand({
  name: "guest-file-write",
  summary: "Writes base64 data to an open file, at once.",
  since: "0.15",
  arguments: {
    handle: required(integer()),
    "buf-b64": required(base64()),
    count: optional(integer()),
  },
  reply: "value",
  family: "file",
  byDefault: HOST_FILES,
  mayTakeLong: true,
}, async ({ handle, "buf-b64": text, count }, { guestFiles }: FilesContext) => {
  const file = guestFiles.find(handle) ?? fail(unknownHandle(handle));
  using decoded = await inTurns(decodeBase64(text));
  const { bytes } = decoded;
  if (count !== undefined && (count < 0n || count > bytes.length)) throw invalidCount(count);
  const wanted = bytes.subarray(0, Number(count ?? bytes.length));
  const written = await file.write(wanted);
  return { count: written, eof: false };
});

/** QAPI guest-file-seek. */
export const guestFileSeek = defineCommand({
  name: "guest-file-seek",
  summary: "Sets the position in an open file.",
  since: "0.15",
  arguments: {
    handle: required(integer()),
    offset: required(integer()),
    whence: required(WHENCE),
  },
  reply: "value",
  family: "file",
  byDefault: HOST_FILES,
}, async ({ handle, offset, whence }, { guestFiles }: FilesContext) => {
  const file = guestFiles.find(handle) ?? fail(unknownHandle(handle));
  const position = await file.seek(offset, whenceCode(whence));
  return { position, eof: false };
});

/** QAPI guest-file-flush. What is written is with the system already; nothing is left to flush. */
export const guestFileFlush = defineCommand({
  name: "guest-file-flush",
  summary: "Does nothing but check the handle: what is written is not kept back.",
  since: "0.15",
  arguments: { handle: required(integer()) },
  reply: "value",
  family: "file",
  byDefault: HOST_FILES,
  mayTakeLong: true,
}, ({ handle }, { guestFiles }: FilesContext) => {
  if (guestFiles.find(handle) === undefined) throw unknownHandle(handle);
  return {};
});

function whenceCode(whence: bigint | keyof typeof Whence): Parameters<GuestFile["seek"]>[1] {
  if (typeof whence === "string") return Whence[whence];
  return Object.values(Whence).find((code) => BigInt(code) === whence) ??
    fail(new QapiError(`invalid whence code ${whence}`));
}

function unknownHandle(handle: bigint): QapiError {
  return new QapiError(`handle '${handle}' has not been found`);
}

function invalidCount(count: bigint): QapiError {
  return new QapiError(`value '${count}' is invalid for argument count`);
}

function fail(error: QapiError): never {
  throw error;
}
