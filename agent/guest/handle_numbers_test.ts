import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { HandleNumbers } from "./handle_numbers.ts";

Deno.test("numbers begin at 1000, and go on where the last run has ended", async () => {
  await using directory = await TemporaryDirectory.create();
  const first = new HandleNumbers(directory.path);
  assert.deepEqual([first.take(), first.take()], [1000n, 1001n]);
  const text = await Deno.readTextFile(`${directory.path}/qga.state`);
  assert.equal(text, "[global]\nfd_counter=1002\n");
  assert.equal(new HandleNumbers(directory.path).take(), 1002n);
  const names = Array.from(Deno.readDirSync(directory.path), ({ name }) => name);
  assert.deepEqual(names, ["qga.state"]);
});

Deno.test("qemu-ga's state file is understood, a damaged one begins afresh", async () => {
  await using directory = await TemporaryDirectory.create();
  const cases: [string, bigint][] = [
    ["[global]\nfd_counter=1234\n", 1234n],
    ["# comment\n[other]\nfd_counter=5000\n[global]\nx=1\nfd_counter = 1300 \n", 1300n],
    ["[global]\nfd_counter=abc\n", 1000n],
    ["[global]\nfd_counter=-5\n", 1000n],
    ["[global]\nfd_counter=3\n", 1000n],
    ["[global]\nfd_counter=9223372036854775807\n", 1000n],
    ["[other]\nfd_counter=5000\n", 1000n],
    ["fd_counter=5000\n", 1000n],
    ["", 1000n],
  ];
  for (const [text, expected] of cases) {
    await directory.write("qga.state", text);
    assert.equal(new HandleNumbers(directory.path).take(), expected, text);
  }
});

Deno.test("no state file makes a number below 1000, or fails", async () => {
  await using directory = await TemporaryDirectory.create();
  const lines = fc.constantFrom("[global]", "[", "]", "fd_counter=", "=", "99", "\n", "\r", "é");
  const texts = fc.array(fc.oneof(lines, fc.string()), { maxLength: 12 });
  await checkProperty("state files", texts.map((parts) => parts.join("")), async (text) => {
    await directory.write("qga.state", text);
    const number = new HandleNumbers(directory.path).take();
    assert.ok(number >= 1000n);
    assert.equal(new HandleNumbers(directory.path).take(), number + 1n);
  }, 100);
});

Deno.test("a number that cannot be written down is not given out", async () => {
  await using directory = await TemporaryDirectory.create();
  const state = `${directory.path}/state`;
  const numbers = new HandleNumbers(state);
  assert.throws(() => numbers.take(), Deno.errors.NotFound);
  await Deno.mkdir(state);
  assert.equal(numbers.take(), 1000n);
});
