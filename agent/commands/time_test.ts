import assert from "node:assert/strict";
import { toRtcTime } from "../linux/hardware_clock.ts";
import { Libc } from "../linux/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { guestSetTime } from "./time.ts";

const EPERM = 1;

/** The C library with clocks of its own, so that no test sets those of the machine. */
class ClockLibc extends Libc {
  /** The hardware clock in seconds. */
  hardware = 1_700_000_000n;
  /** The system clock in nanoseconds. */
  system = 0n;
  refusesSystem = false;
  readonly #errno = new Int32Array(1);

  override bind<S extends Deno.ForeignLibraryInterface>(
    symbols: S,
  ): Deno.DynamicLibrary<S>["symbols"] {
    const functions = this.#functions(Object.keys(symbols));
    // The functions have the names and parameters that the families' modules declare.
    if (functions !== undefined) return functions as unknown as Deno.DynamicLibrary<S>["symbols"];
    return super.bind(symbols);
  }

  override errno(): number {
    return this.#errno[0] === 0 ? super.errno() : this.#errno[0] ?? 0;
  }

  #functions(names: readonly string[]): unknown {
    if (names.includes("clock_settime")) {
      return { clock_settime: (clock: number, time: Uint8Array) => this.#set(clock, time) };
    }
    if (names.includes("clock_gettime")) {
      return { clock_gettime: (_clock: number, time: Uint8Array) => this.#get(time) };
    }
    if (!names.includes("ioctl")) return undefined;
    return { ioctl: (_fd: number, request: bigint, time: Uint8Array) => this.#rtc(request, time) };
  }

  #set(clock: number, timespec: Uint8Array): number {
    assert.equal(clock, 0);
    if (this.refusesSystem) {
      this.#errno[0] = EPERM;
      return -1;
    }
    const [seconds = 0n, nanoseconds = 0n] = new BigInt64Array(timespec.buffer);
    this.system = seconds * 1_000_000_000n + nanoseconds;
    return 0;
  }

  #get(timespec: Uint8Array): number {
    const words = [this.system / 1_000_000_000n, this.system % 1_000_000_000n];
    new BigInt64Array(timespec.buffer).set(words);
    return 0;
  }

  #rtc(request: bigint, time: Uint8Array): number {
    const members = new Int32Array(time.buffer);
    if (request === 0x80247009n) {
      members.set(toRtcTime(this.hardware));
      return 0;
    }
    assert.equal(request, 0x4024700an);
    const [second = 0, minute = 0, hour = 0, day = 0, month = 0, year = 0] = members;
    this.hardware = BigInt(Date.UTC(year + 1900, month, day, hour, minute, second) / 1000);
    return 0;
  }
}

const message = (text: string) => (error: unknown) => {
  assert.ok(error instanceof QapiError);
  assert.equal(error.message, text);
  return true;
};

Deno.test("a time sets the system clock, and the hardware clock after it", async () => {
  const libc = new ClockLibc();
  await using host = await FixtureHost.create({ "dev/rtc0": "" }, libc);
  const time = 1_800_000_000_123_456_789n;
  assert.deepEqual(guestSetTime.execute({ time }, host.context), {});
  assert.equal(libc.system, time);
  assert.equal(libc.hardware, 1_800_000_000n);
});

Deno.test("without a time the system clock is set from the hardware clock", async () => {
  const libc = new ClockLibc();
  await using host = await FixtureHost.create({ "dev/rtc0": "" }, libc);
  assert.deepEqual(guestSetTime.execute({}, host.context), {});
  assert.equal(libc.system, 1_700_000_000_000_000_000n);
});

Deno.test("the years 1970 to 2069 are valid", async () => {
  const libc = new ClockLibc();
  await using host = await FixtureHost.create({ "dev/rtc0": "" }, libc);
  const last = 3_155_759_999_999_999_999n;
  for (const time of [-1n, -(2n ** 63n), last + 1n, 2n ** 63n - 1n]) {
    assert.throws(() => guestSetTime.execute({ time }, host.context), message("Invalid time"));
  }
  assert.equal(libc.system, 0n);
  guestSetTime.execute({ time: last }, host.context);
  assert.equal(libc.system, last);
  guestSetTime.execute({ time: 0n }, host.context);
  assert.equal(libc.system, 0n);
});

Deno.test("a clock that may not be set is told, and the hardware clock is left alone", async () => {
  const libc = new ClockLibc();
  libc.refusesSystem = true;
  await using host = await FixtureHost.create({ "dev/rtc0": "" }, libc);
  const refused = message("Failed to set time to guest: Operation not permitted");
  assert.throws(() => guestSetTime.execute({ time: 1n }, host.context), refused);
  assert.throws(() => guestSetTime.execute({}, host.context), refused);
  assert.equal(libc.hardware, 1_700_000_000n);
});

Deno.test("a machine without a hardware clock says what has been set and what has not", async () => {
  const libc = new ClockLibc();
  await using host = await FixtureHost.create({}, libc);
  const reason = `open ${host.path}/dev/rtc0: No such file or directory`;
  assert.throws(
    () => guestSetTime.execute({ time: 5_000_000_000n }, host.context),
    message(
      `the system time has been set, but failed to set hardware clock to system time: ${reason}`,
    ),
  );
  assert.equal(libc.system, 5_000_000_000n);
  assert.throws(
    () => guestSetTime.execute({}, host.context),
    message(`failed to set system time from the hardware clock: ${reason}`),
  );
  assert.equal(libc.system, 5_000_000_000n);
});
