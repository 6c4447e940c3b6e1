const MEBIBYTE = 1024 * 1024;

/** What the agent needs for itself, with its endpoint scraped and file systems frozen. */
const OWN_BYTES = 32 * MEBIBYTE;
/** What clients' data may take at least, whatever the limit is. */
const LEAST_BYTES = 4 * MEBIBYTE;

/** QEMU's bounds, which hold where memory sets no narrower ones. */
const REQUEST_BYTES = 64 * MEBIBYTE;
const READ_BYTES = 48 * MEBIBYTE;
const STREAM_BYTES = 16 * MEBIBYTE;
const PROGRAMS_BYTES = 64 * MEBIBYTE;
const REQUEST_TOKENS = 2 * MEBIBYTE;
/**
 * A token takes up to 64 bytes once it is parsed, and V8 lets as much garbage gather as is in use. It also
 * bounds how long the arguments of a command take to check, which is done in one go.
 */
const BYTES_A_TOKEN = 1024;

/** How much of clients' data the agent holds at most. */
export interface MemoryLimits {
  /** Text of one request, in bytes; while it is parsed it can take three times as much. */
  readonly requestBytes: number;
  /** JSON tokens of one request. */
  readonly requestTokens: number;
  /** What guest-file-read gives at a time, in bytes. */
  readonly readBytes: number;
  /** Output of a program that is kept, of each of its two streams, in bytes. */
  readonly streamBytes: number;
  /** Input and output of all programs together, in bytes. */
  readonly programsBytes: number;
  /** Why they are narrower than QEMU's, as a clause; undefined when they are not. */
  readonly reason: string | undefined;
}

/**
 * Shares out the memory that the agent's container leaves to clients' data: a request while it is
 * parsed gets three quarters, what programs wrote and nobody has asked for yet a quarter. Reading a file
 * takes its turn with requests.
 *
 * @param memoryLimit of the agent's cgroup, in bytes; undefined when there is none
 */
export function memoryLimits(memoryLimit: number | undefined): MemoryLimits {
  const spare = Math.max((memoryLimit ?? Infinity) - OWN_BYTES, LEAST_BYTES);
  const share = (part: number, most: number) => Math.min(Math.floor(spare / part), most);
  const requestBytes = share(4, REQUEST_BYTES);
  const requestTokens = share(BYTES_A_TOKEN, REQUEST_TOKENS);
  const isNarrower = memoryLimit !== undefined && requestTokens < REQUEST_TOKENS;
  return {
    requestBytes,
    requestTokens,
    readBytes: share(4, READ_BYTES),
    streamBytes: share(8, STREAM_BYTES),
    programsBytes: share(4, PROGRAMS_BYTES),
    reason: isNarrower
      ? `because the agent's memory is limited to ${inMebibytes(memoryLimit)} by its cgroup`
      : undefined,
  };
}

/** A size in words, in MiB or, below one, in KiB. */
export function inMebibytes(bytes: number): string {
  return bytes < MEBIBYTE
    ? `${Math.floor(bytes / 1024)} KiB`
    : `${Number((bytes / MEBIBYTE).toFixed(1))} MiB`;
}

/** The limits where the agent's memory has none. */
export const QEMU_LIMITS: MemoryLimits = memoryLimits(undefined);
