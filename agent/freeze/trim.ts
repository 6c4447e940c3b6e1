import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import type { FileSystemCalls, TrimmedBytes } from "./file_system_calls.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import type { Mount } from "./mount.ts";

const UNSUPPORTED = { error: "trim not supported" };

/** What came of trimming one file system. */
export interface TrimResult {
  readonly mountPoint: string;
  /** The bytes discarded, or in qemu-ga's words why none were. */
  readonly outcome: TrimmedBytes | { readonly error: string };
}

/** What trimming works with. */
export interface TrimOptions {
  /** The file systems to trim, one mount for each, in mount order. */
  readonly mounts: () => readonly Mount[];
  readonly calls: FileSystemCalls;
  /** Aborted when the agent stops, which does not wait for a trim. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly publish: Publish;
}

/**
 * Discards the unused blocks of file systems, one after another, last mounted first (FITRIM). What one
 * of them fails with is its outcome, and does not keep the others from being trimmed. That its disk takes
 * no discards is told in qemu-ga's words, and counts as no failure.
 *
 * @param minimum least length of a free range to discard, in bytes
 * @throws LibcError when the mounts cannot be read
 * @throws Error when the agent stops
 */
export async function trimFileSystems(
  { mounts, calls, signal, log, publish }: TrimOptions,
  minimum: bigint,
): Promise<TrimResult[]> {
  const startedAt = performance.now();
  const results: TrimResult[] = [];
  for (const { path, mountPoint } of mounts().toReversed()) {
    signal.throwIfAborted();
    results.push({ mountPoint, outcome: await trimOne(calls, path, minimum, signal) });
  }
  const trimmed = results.flatMap(({ outcome }) => "error" in outcome ? [] : [outcome.trimmed]);
  const bytes = trimmed.reduce((sum, bytes) => sum + bytes, 0n);
  const count = trimmed.length;
  const unsupported = results.filter(({ outcome }) => outcome === UNSUPPORTED).length;
  const failures = results.length - count - unsupported;
  const milliseconds = Math.round(performance.now() - startedAt);
  log.info("file systems trimmed", { count, failed: failures, unsupported, bytes, milliseconds });
  publish({ kind: "trim", bytes: Number(bytes), count, failures, seconds: milliseconds / 1000 });
  return results;
}

async function trimOne(
  calls: FileSystemCalls,
  path: string,
  minimum: bigint,
  signal: AbortSignal,
): Promise<TrimResult["outcome"]> {
  let handle: number;
  try {
    handle = await calls.open(path);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return { error: `failed to open: ${error.explanation}` };
  }
  const trimming = trimAndClose(calls, handle, minimum, signal);
  try {
    return await endedOrAborted(trimming, signal);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    const isUnsupported = error.errno === Errno.ENOTTY || error.errno === Errno.EOPNOTSUPP;
    return isUnsupported ? UNSUPPORTED : { error: `failed to trim: ${error.explanation}` };
  }
}

async function trimAndClose(
  calls: FileSystemCalls,
  handle: number,
  minimum: bigint,
  signal: AbortSignal,
): Promise<TrimmedBytes> {
  try {
    signal.throwIfAborted();
    return await calls.trim(handle, minimum);
  } finally {
    calls.close(handle);
  }
}

/** What a call gives, unless the signal comes first; the kernel continues with it then. */
async function endedOrAborted<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([call, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
    // Nobody waits for it any more.
    call.catch(() => {});
  }
}
