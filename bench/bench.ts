import { eventLoopRow, pingWhileFreezingRow } from "./freeze_rows.ts";
import { readRows } from "./read_rows.ts";
import { formatTable, type Row, rowsOrFailure } from "./row.ts";
import { scaleRows } from "./scale_rows.ts";
import { shutdownRow } from "./shutdown_row.ts";
import { startRow } from "./start_row.ts";
import { telemetryRows } from "./telemetry_rows.ts";
import { pingRows, slowReaderRows } from "./unix_rows.ts";
import { vmRows } from "./vm_rows.ts";
import { withDeadline } from "../tests/harness/deadline.ts";
import { stockAgent } from "../tests/harness/qemu/programs.ts";

const OURS = "dist/qemu-ga-talos";
const RESULT = "dist/bench.json";
/** No measurement takes so long; one that hangs shall not hold up the others. */
const LONGEST_MS = 5 * 60_000;

async function bench(quick: boolean, only: string | undefined): Promise<readonly Row[]> {
  const peer = Deno.env.get("QEMU_GA") ?? await stockAgent();
  const measurements: readonly (readonly [string, () => Promise<readonly Row[]>])[] = [
    ["unix socket", () => pingRows(OURS, peer)],
    ["commands that read", () => readRows(OURS, peer)],
    ["scale", () => scaleRows(OURS, peer)],
    ["start", async () => [await startRow(OURS)]],
    ["telemetry", () => telemetryRows(OURS)],
    ["freeze", async () => [await eventLoopRow()]],
    ["slow reader", () => slowReaderRows(OURS, peer)],
    ["shutdown", async () => [await shutdownRow(OURS)]],
    ...quick ? [] : [
      ["VM", () => vmRows(OURS, peer)] as const,
      ["freeze in the VM", async () => [await pingWhileFreezingRow()]] as const,
    ],
  ];
  const rows: Row[] = [];
  const chosen = measurements.filter(([what]) => only === undefined || what === only);
  if (chosen.length === 0) {
    throw new Error(`no part "${only}": ${measurements.map(([what]) => what).join(", ")}`);
  }
  for (const [what, measure] of chosen) {
    console.error(`measuring: ${what}`);
    rows.push(
      ...await rowsOrFailure(
        what,
        () => withDeadline(measure(), LONGEST_MS, () => `the end of "${what}"`),
      ),
    );
  }
  return rows;
}

const quick = Deno.args[0] === "--quick";
const [option, part, surplus] = quick ? Deno.args.slice(1) : Deno.args;
if (
  surplus !== undefined || (option !== undefined && (option !== "--only" || part === undefined))
) {
  console.error("usage: scripts/bench [--quick] [--only PART]");
  Deno.exit(2);
}
const rows = await bench(quick, part);
console.log(formatTable(rows));
const result = { date: new Date().toISOString(), quick, rows };
await Deno.writeTextFile(RESULT, `${JSON.stringify(result, undefined, 2)}\n`);
Deno.exit(rows.some(({ met }) => met === "no") ? 1 : 0);
