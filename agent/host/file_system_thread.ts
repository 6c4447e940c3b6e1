import { LibcError } from "./libc.ts";

/** What the kernel is asked about whole file systems: ioctl_fs(2). Tests put a fake kernel here. */
export interface FileSystemCalls extends Disposable {
  /**
   * Opens a directory on the file system. The handle is the process' own: every thread can use it.
   *
   * @throws LibcError
   */
  open(path: string): Promise<number>;
  /** Gives a handle back. */
  close(handle: number): Promise<void>;
  /**
   * FIFREEZE: returns when all writes are on the disk and no other can begin.
   *
   * @throws LibcError with EBUSY when it is frozen already, EOPNOTSUPP when it cannot be frozen
   */
  freeze(handle: number): Promise<void>;
  /**
   * FITHAW.
   *
   * @throws LibcError with EINVAL when it is not frozen
   */
  thaw(handle: number): Promise<void>;
  /**
   * FITRIM of the whole file system.
   *
   * @param minimum least length of a free range to discard, in bytes
   * @returns the bytes discarded, and the least length that the kernel has taken
   * @throws LibcError with ENOTTY or EOPNOTSUPP when the file system or its device cannot do it
   */
  trim(handle: number, minimum: bigint): Promise<TrimmedBytes>;
}

/** What FITRIM gives back, in bytes; unsigned, 64 bits. */
export interface TrimmedBytes {
  readonly trimmed: bigint;
  readonly minimum: bigint;
}

/** A call to make; what an operation does not need is zero or empty. */
export interface ThreadRequest {
  readonly id: number;
  readonly operation: "open" | "close" | "freeze" | "thaw" | "trim";
  readonly path: string;
  readonly handle: number;
  readonly minimum: bigint;
}

/** What came of the request with the same `id`. */
export interface ThreadResponse {
  readonly id: number;
  readonly handle?: number;
  readonly trimmed?: bigint;
  readonly minimum?: bigint;
  readonly error?: { readonly errno: number; readonly explanation: string };
}

/**
 * A thread of its own (a Worker) for calls that may block for seconds, so that timers, signals and
 * requests over HTTP go on meanwhile. It costs 10 to 17 MB while it lives. Calls run one after another.
 */
export class FileSystemThread implements FileSystemCalls {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PromiseWithResolvers<ThreadResponse>>();
  #lastId = 0;
  #failure: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<ThreadResponse>) => {
      this.#pending.get(data.id)?.resolve(data);
      this.#pending.delete(data.id);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`the file-system thread has died: ${event.message}`));
    };
  }

  /** Starts a thread; it is ready for its first call, with nothing left to load. */
  static async start(): Promise<FileSystemThread> {
    // The name is the same beside this file and in the compiled program: see scripts/compile.
    const worker = new Worker(new URL("./freeze_worker.ts", import.meta.url), { type: "module" });
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`cannot start the file-system thread: ${event.message}`));
      };
    });
    return new FileSystemThread(worker);
  }

  async open(path: string): Promise<number> {
    const { handle } = await this.#call("open", { path });
    if (handle === undefined) throw new Error("the file-system thread gave no handle");
    return handle;
  }

  async close(handle: number): Promise<void> {
    await this.#call("close", { handle });
  }

  async freeze(handle: number): Promise<void> {
    await this.#call("freeze", { handle });
  }

  async thaw(handle: number): Promise<void> {
    await this.#call("thaw", { handle });
  }

  async trim(handle: number, minimum: bigint): Promise<TrimmedBytes> {
    const response = await this.#call("trim", { handle, minimum });
    return { trimmed: response.trimmed ?? 0n, minimum: response.minimum ?? 0n };
  }

  /** Ends the thread; calls that still run are rejected, although the kernel goes on with them. */
  [Symbol.dispose](): void {
    this.#worker.terminate();
    this.#fail(new Error("the file-system thread has ended"));
  }

  async #call(
    operation: ThreadRequest["operation"],
    operands: { path?: string; handle?: number; minimum?: bigint },
  ): Promise<ThreadResponse> {
    if (this.#failure !== undefined) throw this.#failure;
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<ThreadResponse>();
    this.#pending.set(id, answer);
    const request: ThreadRequest = {
      ...{ path: "", handle: 0, minimum: 0n },
      ...operands,
      id,
      operation,
    };
    this.#worker.postMessage(request);
    const response = await answer.promise;
    if (response.error === undefined) return response;
    throw new LibcError(operation, response.error.errno, response.error.explanation);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}
