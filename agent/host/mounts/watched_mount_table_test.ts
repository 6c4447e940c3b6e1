import assert from "node:assert/strict";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { atOnce } from "../../steps.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc } from "../../linux/libc.ts";
import { WatchedMountTable } from "./watched_mount_table.ts";

const ALL = () => true;
const ROOT = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
const VAR = "2 1 8:2 / /var rw - xfs /dev/sda2 rw\n";

const POLLPRI = 0x002;
const REVENTS_OFFSET = 6;

/** A C library whose poll(2) reports a change when the test says that there was one. */
class ChangeReportingLibc extends Libc {
  changed = false;

  override get frequent(): Libc["frequent"] {
    const poll = (pollfd: Parameters<Libc["frequent"]["poll"]>[0]) => {
      if (!this.changed || !(pollfd instanceof Uint8Array)) return 0;
      this.changed = false;
      pollfd[REVENTS_OFFSET] = POLLPRI;
      return 1;
    };
    return { ...super.frequent, poll };
  }
}

async function withTable(
  test: (table: WatchedMountTable, libc: ChangeReportingLibc, path: string) => Promise<void>,
): Promise<void> {
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/mountinfo`;
  await Deno.writeTextFile(path, ROOT);
  using libc = new ChangeReportingLibc();
  using table = new WatchedMountTable(libc, new KernelFiles(libc), "/", ALL, path);
  await test(table, libc, path);
}

function mountPoints(table: WatchedMountTable): string[] {
  return atOnce(table.read()).map(({ mountPoint }) => mountPoint);
}

Deno.test("the mount table is read again only when the kernel reports a change", async () => {
  await withTable(async (table, libc, path) => {
    assert.deepEqual(mountPoints(table), ["/"]);
    await Deno.writeTextFile(path, ROOT + VAR);
    assert.deepEqual(mountPoints(table), ["/"]);
    libc.changed = true;
    assert.deepEqual(mountPoints(table), ["/", "/var"]);
    assert.deepEqual(mountPoints(table), ["/", "/var"]);
  });
});

Deno.test("a reading that was overtaken by a change is not kept", async () => {
  await withTable(async (table, libc, path) => {
    const slow = table.read();
    // Up to the first place where others have a turn.
    assert.equal(slow.next().done, false);
    await Deno.writeTextFile(`${path}.new`, ROOT + VAR);
    await Deno.rename(`${path}.new`, path);
    libc.changed = true;
    assert.deepEqual(mountPoints(table), ["/", "/var"]);
    assert.deepEqual(atOnce(slow).map(({ mountPoint }) => mountPoint), ["/"]);
    assert.deepEqual(mountPoints(table), ["/", "/var"]);
  });
});

Deno.test("the kernel's own table is watched", () => {
  using libc = new Libc();
  using table = new WatchedMountTable(libc, new KernelFiles(libc), "/", ALL);
  const before = atOnce(table.read());
  assert.equal(atOnce(table.read()), before);
});
