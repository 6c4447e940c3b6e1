/**
 * The thread behind `FileSystemThread`, run as a Worker: calls that may block for long, made
 * synchronously, because only then errno is that of the call. Everything is bound before the first
 * call, so that nothing is loaded while a file system is frozen.
 */
import type { ThreadRequest, ThreadResponse } from "./file_system_thread.ts";
import { cString, Libc, LibcError, OpenFlag } from "./libc.ts";

const IOCTL_SYMBOLS = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const FIFREEZE = 0xc004_5877n;
const FITHAW = 0xc004_5878n;
const FITRIM = 0xc018_5879n;
const WHOLE = 0xffff_ffff_ffff_ffffn;
// struct fstrim_range: start, len, minlen.
const RANGE_SIZE = 24;
const LENGTH_OFFSET = 8;
const MINIMUM_OFFSET = 16;

/** The part of a worker's global scope that is used here; the types at hand are a window's. */
interface WorkerScope {
  onmessage: (event: MessageEvent<ThreadRequest>) => void;
  postMessage(message: ThreadResponse | "ready"): void;
}

const libc = new Libc();
const { open, close } = libc.file;
const { ioctl } = libc.bind(IOCTL_SYMBOLS);

function run({ operation, path, handle, minimum }: ThreadRequest): Omit<ThreadResponse, "id"> {
  switch (operation) {
    case "open":
      return {
        handle: libc.check(open(cString(path), OpenFlag.RDONLY | OpenFlag.CLOEXEC, 0), "open"),
      };
    case "close":
      close(handle);
      return {};
    case "freeze":
      libc.check(ioctl(handle, FIFREEZE, null), "FIFREEZE");
      return {};
    case "thaw":
      libc.check(ioctl(handle, FITHAW, null), "FITHAW");
      return {};
    case "trim": {
      const range = new Uint8Array(RANGE_SIZE);
      const view = new DataView(range.buffer);
      view.setBigUint64(LENGTH_OFFSET, WHOLE, true);
      view.setBigUint64(MINIMUM_OFFSET, minimum, true);
      libc.check(ioctl(handle, FITRIM, range), "FITRIM");
      return {
        trimmed: view.getBigUint64(LENGTH_OFFSET, true),
        minimum: view.getBigUint64(MINIMUM_OFFSET, true),
      };
    }
  }
}

// This module runs in workers only.
const scope = self as unknown as WorkerScope;
scope.onmessage = ({ data }) => {
  try {
    scope.postMessage({ id: data.id, ...run(data) });
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    const { errno, explanation } = error;
    scope.postMessage({ id: data.id, error: { errno, explanation } });
  }
};
scope.postMessage("ready");
