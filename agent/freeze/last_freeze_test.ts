import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { describeLapse, type LastFreeze, LastFreezeFile, parseLastFreeze } from "./last_freeze.ts";

const LAST: LastFreeze = {
  ...{ since: 1_764_190_000_000, until: 1_764_190_060_000, seconds: 60.04, count: 2 },
  ...{ endedBy: "timer", limitSeconds: 60, reported: true, told: false },
};

Deno.test("what is written is read again, by the next process too", async () => {
  await using directory = await TemporaryDirectory.create();
  const exists = () => true;
  const file = new LastFreezeFile(directory.path, exists);
  assert.equal(file.read(), undefined);
  file.write(LAST);
  const { limitSeconds: _limit, ...unlimited } = LAST;
  assert.deepEqual(new LastFreezeFile(directory.path, exists).read(), LAST);
  file.write({ ...unlimited, endedBy: "guard", reported: false });
  assert.deepEqual(file.read(), { ...unlimited, endedBy: "guard", reported: false });
  assert.deepEqual([...Deno.readDirSync(directory.path)].length, 1);
  assert.throws(() => new LastFreezeFile(`${directory.path}/none`, exists).write(LAST));
});

Deno.test("any text is a freeze of the right shape, or none", async () => {
  const text = fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify(LAST)));
  await checkProperty("text of a last freeze", text, (text) => {
    const last = parseLastFreeze(text);
    if (last === undefined) return;
    assert.equal(typeof last.told, "boolean");
    describeLapse(last);
  });
  assert.equal(
    parseLastFreeze('{"since":1,"until":2,"seconds":3,"count":4,"endedBy":"x"}'),
    undefined,
  );
});

Deno.test("a freeze that has ended too early is told, in Windows' words at the time limit", () => {
  assert.equal(
    describeLapse(LAST),
    "fsfreeze is limited up to 60 seconds: the file systems were thawed at " +
      "2025-11-26T20:47:40.000Z, after 60.0 s, since no thaw had been asked for; " +
      "what was backed up since then is not consistent",
  );
  const { limitSeconds: _limit, ...unlimited } = LAST;
  assert.match(
    describeLapse({ ...unlimited, endedBy: "guard" }) ?? "",
    /^the freeze has ended .* guard/,
  );
  assert.match(
    describeLapse({ ...unlimited, endedBy: "signal", until: NaN }) ?? "",
    /an unknown time/,
  );
  for (const endedBy of ["command", "abort"] as const) {
    assert.equal(describeLapse({ ...unlimited, endedBy }), undefined);
  }
  assert.equal(describeLapse({ ...LAST, told: true }), undefined);
});
