import assert from "node:assert/strict";
import fc from "fast-check";
import { fakeMount } from "../../tests/harness/fixtures/fake_file_systems.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { FreezeMarker, type FreezeTimes, parseMarker } from "./freeze_marker.ts";

const TIMES: FreezeTimes = {
  since: 1_764_190_000_000,
  startedAt: 1000.5,
  limit: { seconds: 60, deadline: 61000.5 },
};

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("the marker in a directory is a line for each device, and read back", async () => {
  await using directory = await TemporaryDirectory.create();
  const marker = new FreezeMarker(directory.path, exists);
  const path = `${directory.path}/qga.state.isfrozen`;
  assert.equal(marker.read(), undefined);
  marker.write([fakeMount("/var", 2), fakeMount("/a\n8:9 b", 3, 254)], TIMES);
  assert.equal(
    Deno.readTextFileSync(path),
    'since 1764190000000\nstarted 1000.5\nlimit 60\ndeadline 61000.5\n8:2 "/var"\n254:3 "/a\\n8:9 b"\n',
  );
  assert.deepEqual(marker.read(), {
    devices: [{ major: 8, minor: 2 }, { major: 254, minor: 3 }],
    times: TIMES,
  });
  assert.deepEqual([...Deno.readDirSync(directory.path)].map(({ name }) => name), [
    "qga.state.isfrozen",
  ]);
  marker.remove();
  marker.remove();
  assert.equal(marker.read(), undefined);
  Deno.writeTextFileSync(path, "");
  assert.deepEqual(marker.read(), { devices: "all", times: undefined });
  assert.throws(
    () => new FreezeMarker(`${directory.path}/none`, exists).write([], TIMES),
    Deno.errors.NotFound,
  );
});

Deno.test("who finds a marker waits until its process has removed it or has ended", async () => {
  await using directory = await TemporaryDirectory.create();
  const owner = new FreezeMarker(directory.path, exists);
  using next = new FreezeMarker(directory.path, exists);
  await next.acquire();
  assert.equal(next.find(), undefined);
  owner.write([fakeMount("/var", 2)], TIMES);
  {
    using found = next.find();
    assert.ok(found !== undefined);
    assert.deepEqual(found.freeze.times, TIMES);
    let left: boolean | undefined;
    const waiting = found.left().then((result) => left = result);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(left, undefined);
    owner.remove();
    await waiting;
    assert.equal(left, false);
  }

  const module = import.meta.resolve("./freeze_marker.ts");
  await using process = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `const { FreezeMarker } = await import("${module}");
      new FreezeMarker("${directory.path}", () => true)
        .write([], { since: 1, startedAt: 2, limit: undefined });
      console.log("written");
      setTimeout(() => {}, 60_000);`,
    ],
    stdout: "piped",
  }).spawn();
  await process.stdout.pipeThrough(new TextDecoderStream()).values().next();
  using found = next.find();
  const left = found?.left();
  process.kill("SIGKILL");
  assert.equal(await left, true);
  assert.deepEqual(found?.freeze, {
    devices: "all",
    times: { since: 1, startedAt: 2, limit: undefined },
  });
  found?.remove();
  assert.equal(next.isThere(), false);
});

Deno.test("a marker that was left is one process' alone", async () => {
  await using directory = await TemporaryDirectory.create();
  Deno.writeTextFileSync(`${directory.path}/qga.state.isfrozen`, "");
  const first = new FreezeMarker(directory.path, exists);
  using second = new FreezeMarker(directory.path, exists);
  await first.acquire();
  let acquired = false;
  const waiting = second.acquire().then(() => acquired = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(acquired, false);
  first.remove();
  await waiting;
  assert.equal(second.find(), undefined);
});

Deno.test("any text is read as a marker; what is none of its lines is passed over", async () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "since 1",
      "started 2.5",
      "deadline x",
      "limit 1",
      "deadline 2",
      '8:1 "/"',
      "since",
      "8:x /",
    ),
  );
  await checkProperty("text of a marker", fc.array(line), (lines) => {
    const { devices, times } = parseMarker(lines.join("\n"));
    assert.ok(devices === "all" || devices.length > 0);
    assert.ok(times === undefined || Number.isFinite(times.since + times.startedAt));
  });
});
