import type { ProxmoxClient } from "./proxmox_client.ts";

/** The arguments of a command of the agent. */
type Arguments = Readonly<Record<string, unknown>>;

const MEBIBYTE = 1024 * 1024;
/** How much the API's file-read reads at most. */
export const FILE_READ_LIMIT = 16 * MEBIBYTE;

/** Base64 as Proxmox VE writes it: in lines of 76 characters, each with its newline. */
export function wrapped(text: string): string {
  return btoa(text).replace(/.{1,76}/g, "$&\n");
}

/** What a command's reply is for the API: what it returned, or an object with the error; null for none. */
export async function agentResult(
  proxmox: ProxmoxClient,
  command: string,
  args: Arguments = {},
): Promise<unknown> {
  const reply = await proxmox.command(command, args);
  if (reply === undefined) return null;
  return "return" in reply ? reply.return : { error: reply.error };
}

/**
 * What a command returns, by way of Proxmox VE's check_agent_error.
 *
 * @throws {Error} in Proxmox VE's words, if the agent answers with an error or, as `what` says, not at all.
 */
export async function agentCommand(
  proxmox: ProxmoxClient,
  command: string,
  args: Arguments,
  what: string,
): Promise<unknown> {
  const result = await agentResult(proxmox, command, args);
  if (result === null) throw new Error(`Agent error: ${what}`);
  if (typeof result === "object" && "error" in result) {
    // As agentResult has put it there.
    const { desc } = result.error as { readonly desc: string };
    throw new Error(`Agent error: ${desc}`);
  }
  return result;
}

/** What of a file is read. */
export interface FileRange {
  /** Default: the file's beginning. */
  readonly offset?: number | undefined;
  /** How many bytes at most. Default: 16 MiB. */
  readonly count?: number | undefined;
}

/**
 * The API's file-read, in pieces of 1 MiB.
 *
 * @throws {Error} as `agentCommand` does.
 */
export async function fileRead(
  proxmox: ProxmoxClient,
  file: string,
  { offset = 0, count = FILE_READ_LIMIT }: FileRange = {},
): Promise<{ content: Uint8Array; truncated: boolean }> {
  const open = { path: file };
  const handle = await agentCommand(proxmox, "guest-file-open", open, "can't open file");
  if (offset > 0) {
    const seek = { handle, offset, whence: "set" };
    await agentCommand(proxmox, "guest-file-seek", seek, "can't seek to offset position");
  }
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  let eof = false;
  while (!eof && length < count) {
    const want = { handle, count: Math.min(count - length, MEBIBYTE) };
    const read = await agentCommand(proxmox, "guest-file-read", want, "can't read from file") as {
      readonly "buf-b64": string;
      readonly count: number;
      readonly eof: boolean;
    };
    const piece = Uint8Array.fromBase64(read["buf-b64"]);
    if (piece.length !== read.count) throw new Error(`${piece.length} bytes, not ${read.count}`);
    pieces.push(piece);
    length += piece.length;
    eof = read.eof;
  }
  await agentCommand(proxmox, "guest-file-close", { handle }, "can't close file");
  return { content: await new Blob(pieces).bytes(), truncated: !eof };
}

/**
 * The API's file-write, which is given base64. Gives what the write returned.
 *
 * @throws {Error} as `agentCommand` does.
 */
export async function fileWrite(
  proxmox: ProxmoxClient,
  file: string,
  base64: string,
): Promise<unknown> {
  const open = { path: file, mode: "wb" };
  const handle = await agentCommand(proxmox, "guest-file-open", open, "can't open file");
  const write = { handle, "buf-b64": base64 };
  const written = await agentCommand(proxmox, "guest-file-write", write, "can't write to file");
  await agentCommand(proxmox, "guest-file-close", { handle }, "can't close file");
  return written;
}

/**
 * The API's exec, which always captures the output.
 *
 * @throws {Error} as `agentCommand` does.
 */
export function exec(
  proxmox: ProxmoxClient,
  [path = "", ...arg]: readonly string[],
  input?: string,
): Promise<unknown> {
  const args = {
    "capture-output": true,
    path,
    arg,
    ...(input === undefined ? {} : { "input-data": btoa(input) }),
  };
  return agentCommand(proxmox, "guest-exec", args, `can't execute command (${path})`);
}

/**
 * The API's exec-status: output is decoded, each byte as the character of that number, and booleans are 1 and 0.
 *
 * @throws {Error} as `agentCommand` does.
 */
export async function execStatus(
  proxmox: ProxmoxClient,
  pid: number,
): Promise<Record<string, unknown>> {
  const what = `can't get exec status for '${pid}'`;
  const status = await agentCommand(proxmox, "guest-exec-status", { pid }, what);
  // An object, as the schema has it.
  const members = Object.entries(status as Record<string, unknown>);
  return Object.fromEntries(members.map(([name, value]) => [
    name,
    name.endsWith("-data") && typeof value === "string"
      ? atob(value)
      : typeof value === "boolean"
      ? Number(value)
      : value,
  ]));
}
