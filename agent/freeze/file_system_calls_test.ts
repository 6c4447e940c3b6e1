import assert from "node:assert/strict";
import { Errno, Libc, LibcError } from "../linux/libc.ts";
import { KernelFileSystemCalls } from "./file_system_calls.ts";

// procfs can neither be frozen nor trimmed, so that nothing happens to the machine of the test.
const HARMLESS = "/proc";

const failsWith = (...errnos: number[]) => (error: unknown) => {
  assert.ok(error instanceof LibcError);
  assert.ok(errnos.includes(error.errno), error.message);
  return true;
};

Deno.test("a call that fails reports the kernel's own error", async () => {
  using libc = new Libc();
  const calls = new KernelFileSystemCalls(libc);
  const handle = await calls.open(HARMLESS);
  // EPERM and EACCES where the test has not the right to try.
  await assert.rejects(calls.freeze(handle), failsWith(Errno.EOPNOTSUPP, 1));
  await assert.rejects(calls.thaw(handle), failsWith(Errno.EINVAL, Errno.EOPNOTSUPP, 1));
  await assert.rejects(calls.trim(handle, 0n), failsWith(Errno.ENOTTY, 1));
  calls.close(handle);
  await assert.rejects(calls.thaw(handle), (error) => {
    assert.ok(error instanceof LibcError);
    assert.equal(error.message, "thaw: Bad file descriptor");
    return true;
  });
  await assert.rejects(calls.open(`${HARMLESS}/none`), failsWith(Errno.ENOENT));
});

Deno.test("calls made at once are answered each with its own result", async () => {
  using libc = new Libc();
  const calls = new KernelFileSystemCalls(libc);
  const handles = await Promise.all([calls.open(HARMLESS), calls.open(HARMLESS)]);
  assert.equal(new Set(handles).size, 2);
  const results = await Promise.allSettled([
    calls.open(HARMLESS),
    calls.thaw(handles[0] ?? -1),
    calls.open("/none"),
    calls.thaw(-1),
  ]);
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "rejected",
    "rejected",
  ]);
  for (const handle of handles) calls.close(handle);
  const [opened] = results;
  assert.ok(opened?.status === "fulfilled" && typeof opened.value === "number");
  calls.close(opened.value);
});

/** What one ioctl gives: 0, or the errno that it fails with; a slow one fails after a while. */
type Outcome = number | { readonly slow: number };

/** A kernel whose next ioctls are written down. */
class ScriptedLibc extends Libc {
  background: Outcome[] = [];
  foreground: number[] = [];
  readonly made: string[] = [];
  #errno = 0;

  override errno(): number {
    return this.#errno;
  }

  override bind<S extends Deno.ForeignLibraryInterface>(
    symbols: S,
  ): Deno.DynamicLibrary<S>["symbols"] {
    const bound = super.bind(symbols);
    const ioctl = symbols["ioctl"];
    if (ioctl === undefined || !("parameters" in ioctl)) return bound;
    const scripted = ioctl.nonblocking === true ? () => this.#inBackground() : () => this.#here();
    return { ...bound, ioctl: scripted };
  }

  async #inBackground(): Promise<number> {
    this.made.push("background");
    const outcome = this.background.shift() ?? 0;
    if (typeof outcome === "number") return outcome === 0 ? 0 : -1;
    await new Promise((resolve) => setTimeout(resolve, 250));
    return outcome.slow === 0 ? 0 : -1;
  }

  #here(): number {
    this.made.push("here");
    this.#errno = this.foreground.shift() ?? 0;
    return this.#errno === 0 ? 0 : -1;
  }
}

Deno.test("what is refused at once is asked once more for its errno", async () => {
  using libc = new ScriptedLibc();
  const calls = new KernelFileSystemCalls(libc);
  libc.background = [Errno.EBUSY];
  libc.foreground = [Errno.EBUSY];
  await assert.rejects(calls.freeze(3), failsWith(Errno.EBUSY));
  assert.deepEqual(libc.made.splice(0), ["background", "here"]);
  // Deno can change errno: one that is not expected is believed when it comes again.
  libc.background = [Errno.EINVAL];
  libc.foreground = [Errno.ENOENT, Errno.EINVAL];
  await assert.rejects(calls.thaw(3), failsWith(Errno.EINVAL));
});

Deno.test("a repeat that succeeds is a success: whoever had it frozen has thawed it", async () => {
  using libc = new ScriptedLibc();
  libc.background = [Errno.EBUSY];
  libc.foreground = [0];
  await new KernelFileSystemCalls(libc).freeze(3);
  assert.deepEqual(libc.made, ["background", "here"]);
});

Deno.test("a freeze that fails late is never repeated on the main thread", async () => {
  using libc = new ScriptedLibc();
  const calls = new KernelFileSystemCalls(libc);
  libc.background = [{ slow: Errno.EIO }, { slow: Errno.EIO }, { slow: Errno.EIO }];
  await assert.rejects(calls.freeze(3), failsWith(Errno.EIO));
  assert.deepEqual(libc.made.splice(0), ["background", "background", "background"]);
  libc.background = [{ slow: Errno.EIO }, 0];
  await calls.freeze(3);
  assert.deepEqual(libc.made, ["background", "background"]);
});

Deno.test("what cannot be trimmed shows on a part of it; what fails late is an error of its disk", async () => {
  using libc = new ScriptedLibc();
  const calls = new KernelFileSystemCalls(libc);
  libc.background = [Errno.EOPNOTSUPP];
  libc.foreground = [Errno.EOPNOTSUPP];
  await assert.rejects(calls.trim(3, 0n), failsWith(Errno.EOPNOTSUPP));
  libc.background = [{ slow: Errno.EIO }];
  libc.foreground = [0];
  await assert.rejects(calls.trim(3, 0n), failsWith(Errno.EIO));
});
