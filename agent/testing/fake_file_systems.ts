import type { FileSystemCalls, TrimmedBytes } from "../freeze/file_system_calls.ts";
import { Errno, LibcError } from "../host/libc.ts";
import type { Mount } from "../host/mount_table.ts";

/** The error number that a call on a file system fails with, until it is taken away. */
export interface FakeFaults {
  open?: number;
  freeze?: number;
  thaw?: number;
  trim?: number;
}

/** A file system of the fake kernel. */
export interface FakeFileSystem {
  readonly mount: Mount;
  frozen: boolean;
  readonly faults: FakeFaults;
  /** What holds its loop device's file: as long as that is frozen, FITHAW here waits. */
  liesOn?: FakeFileSystem;
}

/** A mount as tests need it; the device number is 8:`minor`. */
export function fakeMount(mountPoint: string, minor: number, major = 8): Mount {
  return {
    mountPoint,
    path: `/host/root${mountPoint}`,
    root: "/",
    device: { major, minor },
    fileSystemType: "xfs",
    source: `/dev/sda${minor}`,
    options: ["rw"],
    superOptions: ["rw"],
  };
}

/**
 * A kernel with file systems that behave as Linux' do under FIFREEZE, FITHAW and FITRIM: EBUSY when
 * frozen already, EINVAL when not frozen. FIFREEZE can be held up, as by writes that take their time.
 */
export class FakeFileSystems {
  readonly all: readonly FakeFileSystem[];
  /** Every call that was made, such as `freeze /var`; failed ones too. */
  readonly calls: string[] = [];
  /** Called when a file system has just been frozen. */
  onFrozen: (fileSystem: FakeFileSystem) => void = () => {};
  /** Whether FIFREEZE waits for `finishFreeze`. */
  holdsFreeze = false;
  openHandles = 0;
  #held: (() => void)[] = [];
  #waiting = Promise.withResolvers<void>();
  #thawed = Promise.withResolvers<void>();
  readonly #freezing = new Set<FakeFileSystem>();

  constructor(mounts: readonly Mount[]) {
    this.all = mounts.map((mount) => ({ mount, frozen: false, faults: {} }));
  }

  get mounts(): Mount[] {
    return this.all.map(({ mount }) => mount);
  }

  /** The mount points of what is frozen now. */
  get frozen(): string[] {
    return this.all.filter(({ frozen }) => frozen).map(({ mount }) => mount.mountPoint);
  }

  /** The calls of one kind, as mount points. */
  callsOf(operation: string): string[] {
    return this.calls.filter((call) => call.startsWith(`${operation} `))
      .map((call) => call.slice(operation.length + 1));
  }

  /** The file system mounted there. */
  at(mountPoint: string): FakeFileSystem {
    const found = this.all.find(({ mount }) => mount.mountPoint === mountPoint);
    if (found === undefined) throw new Error(`nothing is mounted on ${mountPoint}`);
    return found;
  }

  /** Waits until a FIFREEZE is held up. */
  async freezeHeld(): Promise<void> {
    await this.#waiting.promise;
  }

  /** Lets every FIFREEZE that is held up go on. */
  finishFreeze(): void {
    const held = this.#held;
    this.#held = [];
    this.#waiting = Promise.withResolvers();
    for (const go of held) go();
  }

  /** A process' calls. A killed process is not answered any more. */
  process(isAlive: () => boolean = () => true): FileSystemCalls {
    return new FakeCalls(this, isAlive);
  }

  /** For `FakeCalls`: waits until nothing keeps a file system from being written. */
  async writable(fileSystem: FakeFileSystem | undefined): Promise<void> {
    while (fileSystem?.frozen || (fileSystem && this.#freezing.has(fileSystem))) {
      await this.#thawed.promise;
    }
  }

  /** For `FakeCalls`: a file system has been thawed. */
  thawed(): void {
    this.#thawed.resolve();
    this.#thawed = Promise.withResolvers();
  }

  /** For `FakeCalls`: waits as long as FIFREEZE is held up. */
  async pass(fileSystem: FakeFileSystem): Promise<void> {
    if (!this.holdsFreeze) return;
    this.#freezing.add(fileSystem);
    await new Promise<void>((resolve) => {
      this.#held.push(resolve);
      this.#waiting.resolve();
    });
    this.#freezing.delete(fileSystem);
  }
}

class FakeCalls implements FileSystemCalls {
  readonly #kernel: FakeFileSystems;
  readonly #isAlive: () => boolean;

  constructor(kernel: FakeFileSystems, isAlive: () => boolean) {
    this.#kernel = kernel;
    this.#isAlive = isAlive;
  }

  async open(path: string): Promise<number> {
    const index = this.#kernel.all.findIndex(({ mount }) => mount.path === path);
    await this.#enter("open", index);
    this.#kernel.openHandles++;
    return index;
  }

  close(handle: number): void {
    this.#look("close", handle);
    this.#kernel.openHandles--;
  }

  async freeze(handle: number): Promise<void> {
    const fileSystem = await this.#enter("freeze", handle);
    if (fileSystem.frozen) throw failure("freeze", Errno.EBUSY);
    await this.#kernel.pass(fileSystem);
    fileSystem.frozen = true;
    this.#kernel.onFrozen(fileSystem);
    await this.#answer();
  }

  async thaw(handle: number): Promise<void> {
    const fileSystem = await this.#enter("thaw", handle);
    if (!fileSystem.frozen) throw failure("thaw", Errno.EINVAL);
    await this.#kernel.writable(fileSystem.liesOn);
    fileSystem.frozen = false;
    this.#kernel.thawed();
    await this.#answer();
  }

  async trim(handle: number, minimum: bigint): Promise<TrimmedBytes> {
    await this.#enter("trim", handle);
    return { trimmed: 2n ** 64n - 4096n, minimum: minimum < 4096n ? 4096n : minimum };
  }

  async #enter(operation: keyof FakeFaults, handle: number): Promise<FakeFileSystem> {
    await this.#answer();
    const fileSystem = this.#look(operation, handle);
    const errno = fileSystem.faults[operation];
    if (errno !== undefined) throw failure(operation, errno);
    return fileSystem;
  }

  #look(operation: string, handle: number): FakeFileSystem {
    const fileSystem = this.#kernel.all[handle];
    if (fileSystem === undefined) throw failure(operation, Errno.ENOENT);
    this.#kernel.calls.push(`${operation} ${fileSystem.mount.mountPoint}`);
    return fileSystem;
  }

  /** As the answer of a thread of the pool does, it comes later; a killed process never gets it. */
  async #answer(): Promise<void> {
    if (!this.#isAlive()) await new Promise(() => {});
    await Promise.resolve();
  }
}

const TEXTS: Readonly<Record<number, string>> = {
  [Errno.ENOENT]: "No such file or directory",
  [Errno.EIO]: "Input/output error",
  [Errno.EBUSY]: "Device or resource busy",
  [Errno.EINVAL]: "Invalid argument",
};

function failure(operation: string, errno: number): LibcError {
  return new LibcError(operation, errno, TEXTS[errno] ?? `error ${errno}`);
}
