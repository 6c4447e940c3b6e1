import assert from "node:assert/strict";
import { plainResult } from "../../tests/harness/plain_result.ts";
import { FaultError } from "../fault.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { guestGetCpustats, guestGetLoad, guestGetVcpus, guestSetVcpus } from "./cpu.ts";

const CPUS = "sys/devices/system/cpu";

/** cpu0 is always online, cpu2 is not, cpu10 can be switched. */
async function threeCpus(): Promise<FixtureHost> {
  return await FixtureHost.create({
    [`${CPUS}/cpu10/online`]: "1\n",
    [`${CPUS}/cpu0/uevent`]: "",
    [`${CPUS}/cpu2/online`]: "0\n",
    [`${CPUS}/cpufreq/x`]: "",
    [`${CPUS}/online`]: "0,10\n",
  });
}

Deno.test("processors come by number; one without the attribute online is always online", async () => {
  await using host = await threeCpus();
  assert.deepEqual(guestGetVcpus.execute({}, host.context), [
    { "logical-id": 0n, online: true, "can-offline": false },
    { "logical-id": 2n, online: false, "can-offline": true },
    { "logical-id": 10n, online: true, "can-offline": true },
  ]);
});

Deno.test("a host without processors in sysfs is an error", async () => {
  await using host = await FixtureHost.create();
  const path = `/${CPUS}`;
  assert.throws(
    () => guestGetVcpus.execute({}, host.context),
    { message: `failed to list entries: ${path}: No such file or directory` },
  );
  await host.plant({ [`${CPUS}/online`]: "0\n" });
  assert.throws(
    () => guestGetVcpus.execute({}, host.context),
    new QapiError("guest reported zero VCPUs"),
  );
});

Deno.test("processors are switched, and the number of those gone through is answered", async () => {
  await using host = await threeCpus();
  const set = (...states: readonly (readonly [bigint, boolean])[]) =>
    guestSetVcpus.execute({
      vcpus: states.map(([id, online]) => ({ "logical-id": id, online })),
    }, host.context);
  assert.equal(set(), 0);
  assert.equal(set([0n, true], [2n, true], [10n, false]), 3);
  assert.match(await host.read(`${CPUS}/cpu2/online`), /^1/);
  assert.match(await host.read(`${CPUS}/cpu10/online`), /^0/);
  assert.equal(set([2n, false], [999n, true], [10n, true]), 1);
  assert.match(await host.read(`${CPUS}/cpu10/online`), /^0/);
});

Deno.test("a processor that already is in the state is not written to", async () => {
  await using host = await threeCpus();
  const set = (online: boolean) =>
    guestSetVcpus.execute({ vcpus: [{ "logical-id": 10n, online }] }, host.context);
  set(true);
  assert.equal(await host.read(`${CPUS}/cpu10/online`), "1\n");
});

Deno.test("the first processor's failure is told in qemu-ga's words", async () => {
  await using host = await threeCpus();
  const failing = (id: bigint, online: boolean) => () =>
    guestSetVcpus.execute({ vcpus: [{ "logical-id": id, online }] }, host.context);
  const message = (text: string) => (error: unknown) => {
    assert.ok(error instanceof QapiError || error instanceof FaultError);
    assert.equal(error.message, text);
    return true;
  };
  const path = `/${CPUS}/cpu-1/`;
  assert.throws(failing(-1n, true), message(`open("${path}"): No such file or directory`));
  assert.throws(failing(0n, false), message("logical processor #0 can't be offlined"));
});

Deno.test("what the kernel refuses to write is told with the reason", async () => {
  await using host = await threeCpus();
  const busy = () => {
    throw new LibcError("write online", Errno.EBUSY, "Device or resource busy");
  };
  Object.defineProperty(host.context.host.files, "writeText", { value: busy });
  const vcpus = [{ "logical-id": 10n, online: false }];
  assert.throws(
    () => guestSetVcpus.execute({ vcpus }, host.context),
    { message: "write online: Device or resource busy" },
  );
});

Deno.test("processor times are milliseconds; newer columns are left out when there are none", async () => {
  await using host = await FixtureHost.create({
    "proc/stat": "cpu  9 9 9 9 9 9 9 9 9 9\n" +
      "cpu0 1 2 3 9007199254740993 5 6 7 8 9 10\ncpu12 1 2 3 4 5\ncpu13 1 2 3\nintr 5 0 7\n",
  });
  assert.deepEqual(plainResult(await guestGetCpustats.execute({}, host.context)), [
    {
      type: "linux",
      cpu: 0n,
      user: 10n,
      nice: 20n,
      system: 30n,
      idle: 90071992547409930n,
      iowait: 50n,
      irq: 60n,
      softirq: 70n,
      steal: 80n,
      guest: 90n,
      guestnice: 100n,
    },
    { type: "linux", cpu: 12n, user: 10n, nice: 20n, system: 30n, idle: 40n, iowait: 50n },
  ]);
});

Deno.test("load averages are numbers, and a missing file is a foreseen failure", async () => {
  await using host = await FixtureHost.create();
  const { context } = host;
  assert.throws(() => guestGetLoad.execute({}, context), FaultError);
  assert.throws(() => guestGetCpustats.execute({}, context), FaultError);
  await host.plant({ "proc/loadavg": "0.04 12.50 100.00 1/86 5692\n" });
  assert.deepEqual(guestGetLoad.execute({}, context), { load1m: 0.04, load5m: 12.5, load15m: 100 });
  await host.plant({ "proc/loadavg": "0.04 x\n" });
  assert.throws(
    () => guestGetLoad.execute({}, context),
    new QapiError("cannot query load average"),
  );
});
