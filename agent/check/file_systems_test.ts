import assert from "node:assert/strict";
import { FreezeMarker } from "../freeze/freeze_marker.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { mountsOfText } from "../../tests/harness/fixtures/mount_text.ts";
import { checkFileSystems, checkStateDirectory, type FileSystemSources } from "./file_systems.ts";

const MOUNTS = mountsOfText(
  [
    "30 1 8:1 / /host/root rw - ext4 /dev/vda4 rw",
    "31 30 8:2 / /host/root/var rw - xfs /dev/vda6 rw",
    "32 31 8:3 / /host/root/var/mnt/data rw - ext4 /dev/vdb1 rw",
  ].join("\n"),
  "/host/root",
);
const CONFIG = { statedir: "/dev/shm", fsfreezeAllowEmpty: false };

const SOURCES: FileSystemSources = {
  mounts: () => MOUNTS,
  takesDiscards: () => true,
  config: CONFIG,
};

Deno.test("what would be frozen is told in the order of the freeze", () => {
  const line = checkFileSystems(SOURCES);
  assert.deepEqual([line.status, line.fact], ["ok", "/var/mnt/data, /, /var"]);
});

Deno.test("what the disk does not let be trimmed is told", () => {
  const line = checkFileSystems({ ...SOURCES, takesDiscards: ({ minor }) => minor !== 2 });
  assert.deepEqual([line.status, line.brief], ["ok", "/var/mnt/data, /, /var"]);
  assert.equal(
    line.fact,
    "/var/mnt/data, /, /var; not trimmed, since the disk takes no discards: /var",
  );
});

Deno.test("a freeze that covers nothing is a warning that says what comes of it", () => {
  const fails = checkFileSystems({ ...SOURCES, mounts: () => [] });
  assert.equal(fails.status, "warning");
  assert.match(fails.fact, /guest-fsfreeze-freeze fails/);
  const allowed = checkFileSystems({
    ...SOURCES,
    mounts: () => [],
    config: { ...CONFIG, fsfreezeAllowEmpty: true },
  });
  assert.equal(allowed.status, "warning");
  assert.match(allowed.fact, /succeeds/);
});

Deno.test("a mount table that cannot be read is a failure", () => {
  const mounts = () => {
    throw new LibcError("open /proc/self/mountinfo", Errno.EACCES, "Permission denied");
  };
  const line = checkFileSystems({ ...SOURCES, mounts });
  assert.equal(line.status, "failed");
  assert.match(line.fact, /mountinfo: Permission denied/);
});

Deno.test("the state directory should be a tmpfs, and must be there", async () => {
  await using host = await FixtureHost.create();
  const { libc, files } = host.context.host;
  const [memory] = checkStateDirectory(libc, files, CONFIG);
  assert.deepEqual([memory?.status, memory?.fact], ["ok", "/dev/shm, a tmpfs"]);
  const [missing, ...more] = checkStateDirectory(libc, files, {
    ...CONFIG,
    statedir: `${host.path}/none`,
  });
  assert.equal(missing?.status, "failed");
  assert.match(missing.remedy ?? "", /--statedir/);
  assert.deepEqual(more, []);
  const [readOnly] = checkStateDirectory(libc, files, { ...CONFIG, statedir: "/proc/sys" });
  assert.notEqual(readOnly?.status, "ok");
});

Deno.test("the marker of a freeze is a warning that says how to thaw", async () => {
  await using host = await FixtureHost.create();
  const { libc, files } = host.context.host;
  const statedir = await Deno.makeTempDir({ dir: "/dev/shm" });
  const lines = () => checkStateDirectory(libc, files, { ...CONFIG, statedir });
  const marker = new FreezeMarker(statedir, (path) => files.exists(path));
  try {
    assert.deepEqual(lines().map(({ status }) => status), ["ok", "ok", "warning"]);
    marker.write(MOUNTS, { since: 1, startedAt: 1, limit: undefined });
    const [, frozen] = lines();
    assert.equal(frozen?.status, "warning");
    assert.match(frozen.fact, /^3 file systems/);
    assert.match(frozen.remedy ?? "", /guest-fsfreeze-thaw/);
  } finally {
    marker.remove();
    await Deno.remove(statedir, { recursive: true });
  }
});
