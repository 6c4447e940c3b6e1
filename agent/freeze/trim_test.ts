import assert from "node:assert/strict";
import { ActivityRecorder } from "../../tests/harness/activity_recorder.ts";
import { FakeFileSystems, fakeMount } from "../../tests/harness/fixtures/fake_file_systems.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { Errno } from "../linux/libc.ts";
import { trimFileSystems, type TrimOptions } from "./trim.ts";

const MOUNTS = [1, 2, 3, 4, 5].map((minor) => fakeMount(`/${minor}`, minor));

interface RecordedOptions extends TrimOptions {
  readonly log: LogRecorder;
  readonly activity: ActivityRecorder;
}

function optionsFor(kernel: FakeFileSystems): RecordedOptions {
  const activity = new ActivityRecorder();
  return {
    activity,
    publish: activity.publish,
    mounts: () => kernel.mounts,
    calls: kernel.process(),
    signal: new AbortController().signal,
    log: new LogRecorder(),
  };
}

Deno.test("each file system is trimmed, last mounted first, and reports its own outcome", async () => {
  const kernel = new FakeFileSystems(MOUNTS);
  kernel.at("/1").faults.trim = Errno.EOPNOTSUPP;
  kernel.at("/2").faults.trim = Errno.ENOTTY;
  kernel.at("/3").faults.trim = Errno.EIO;
  kernel.at("/4").faults.open = Errno.ENOENT;
  const options = optionsFor(kernel);
  assert.deepEqual(await trimFileSystems(options, 65536n), [
    { mountPoint: "/5", outcome: { trimmed: 2n ** 64n - 4096n, minimum: 65536n } },
    { mountPoint: "/4", outcome: { error: "failed to open: No such file or directory" } },
    { mountPoint: "/3", outcome: { error: "failed to trim: Input/output error" } },
    { mountPoint: "/2", outcome: { error: "trim not supported" } },
    { mountPoint: "/1", outcome: { error: "trim not supported" } },
  ]);
  assert.equal(kernel.openHandles, 0);
  const { count, failed, unsupported, bytes } = options.log.lines[0]?.fields ?? {};
  assert.deepEqual([count, failed, unsupported, bytes], [1, 2, 2, 2n ** 64n - 4096n]);
  const [trim] = options.activity.of("trim");
  assert.deepEqual([trim?.count, trim?.failures, trim?.bytes], [1, 2, 2 ** 64 - 4096]);
});

Deno.test("an agent that stops does not wait for the rest", async () => {
  const kernel = new FakeFileSystems(MOUNTS);
  const stop = new AbortController();
  const options = { ...optionsFor(kernel), signal: stop.signal };
  const trimming = trimFileSystems(options, 0n);
  stop.abort(new Error("the agent is stopping"));
  await assert.rejects(trimming, /the agent is stopping/);
  assert.deepEqual(kernel.callsOf("trim"), []);
});
