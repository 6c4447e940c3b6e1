import assert from "node:assert/strict";
import { cString, Errno, Libc, OpenFlag } from "../linux/libc.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { Pidfile, PidfileError } from "./pid_file.ts";

/** A process that does something just before it locks a file. */
class LateLibc extends Libc {
  beforeLock: (() => void) | undefined;

  override get process(): Libc["process"] {
    const { flock } = super.process;
    return {
      flock: (fd, operation) => {
        const action = this.beforeLock;
        this.beforeLock = undefined;
        action?.();
        return flock(fd, operation);
      },
    };
  }
}

/** A process whose disk is full. */
class FullLibc extends Libc {
  override get file(): Libc["file"] {
    const file = super.file;
    return {
      ...file,
      write: (_fd, bytes, length) => {
        const full = file.open(cString("/dev/full"), OpenFlag.WRONLY, 0);
        file.write(full, bytes, length);
        const errno = this.errno();
        file.close(full);
        assert.equal(errno, Errno.ENOSPC);
        return -1;
      },
    };
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("a pid file has the process ID, keeps others out, and is removed at the end", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/pid`;
  await Deno.writeTextFile(path, "1234567890 of one that was killed\n");
  {
    using _held = new Pidfile(libc, path);
    assert.equal(await Deno.readTextFile(path), `${Deno.pid}\n`);
    assert.throws(
      () => new Pidfile(libc, path),
      (error) => error instanceof PidfileError && /another agent is running/.test(error.message),
    );
    assert.equal(await Deno.readTextFile(path), `${Deno.pid}\n`);
  }
  assert.equal(exists(path), false);
});

Deno.test("a file that is removed between opening and locking it keeps nobody out: a new one is made", async () => {
  using libc = new LateLibc();
  using other = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/pid`;
  const last = new Pidfile(other, path);
  libc.beforeLock = () => last[Symbol.dispose]();
  {
    using _held = new Pidfile(libc, path);
    assert.equal(await Deno.readTextFile(path), `${Deno.pid}\n`);
    assert.throws(() => new Pidfile(other, path), /another agent is running/);
  }
  // Another agent was quicker.
  const earlier = new Pidfile(other, path);
  let quicker: Pidfile | undefined;
  libc.beforeLock = () => {
    earlier[Symbol.dispose]();
    quicker = new Pidfile(other, path);
  };
  assert.throws(() => new Pidfile(libc, path), /another agent is running/);
  assert.equal(exists(path), true);
  quicker?.[Symbol.dispose]();
});

Deno.test("a full disk is said, and leaves no pid file behind", async () => {
  using libc = new FullLibc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/pid`;
  assert.throws(
    () => new Pidfile(libc, path),
    (error) =>
      error instanceof PidfileError &&
      error.message === `cannot write the pid file ${path}: No space left on device`,
  );
  assert.equal(exists(path), false);
});

Deno.test("a pid file that others have removed or replaced is none of ours at the end", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/pid`;
  const removed = new Pidfile(libc, path);
  await Deno.remove(path);
  removed[Symbol.dispose]();
  const replaced = new Pidfile(libc, path);
  await Deno.remove(path);
  await Deno.writeTextFile(path, "4711\n");
  replaced[Symbol.dispose]();
  assert.equal(await Deno.readTextFile(path), "4711\n");
});

Deno.test("what is not a regular file is refused and stays", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/null`;
  await Deno.symlink("/dev/null", path);
  assert.throws(() => new Pidfile(libc, path), /no regular file/);
  assert.equal(exists(path), true);
  assert.throws(() => new Pidfile(libc, directory.path), /cannot use .*Is a directory/);
  assert.throws(() => new Pidfile(libc, `${directory.path}/none/pid`), /No such file/);
});
