import { TemporaryDirectory } from "../tests/harness/temporary_directory.ts";
import { LocalAgent } from "./local_agent.ts";
import { RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row } from "./row.ts";
import { PROJECT } from "../tests/harness/project.ts";

const RUNS = 11;

/** From the start of the agent to its first answer, beside the whole run of an empty program. */
export async function startRow(ours: string): Promise<Row> {
  await using directory = await TemporaryDirectory.create();
  const empty = await compileEmptyProgram(directory);
  // Neither shall pay for the disk.
  await runTime(empty);
  await firstAnswerTime(ours);
  const ourTimes: number[] = [];
  const emptyTimes: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    emptyTimes.push(await runTime(empty));
    ourTimes.push(await firstAnswerTime(ours));
  }
  return measuredRow({
    what: "start to first answer",
    unit: "ms",
    ours: median(ourTimes),
    peer: median(emptyTimes),
    peerName: "empty program",
    must: { times: 1.6 },
  });
}

async function firstAnswerTime(program: string): Promise<number> {
  await using agent = await LocalAgent.start(program);
  using client = await RawClient.connect(agent.socket);
  await client.firstSync();
  return performance.now() - agent.started;
}

async function runTime(program: string): Promise<number> {
  const command = new Deno.Command(program, {
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  const start = performance.now();
  const { success } = await command.spawn().status;
  if (!success) throw new Error("the empty program failed");
  return performance.now() - start;
}

/** As scripts/compile does it. */
async function compileEmptyProgram(directory: TemporaryDirectory): Promise<string> {
  const source = await directory.write("empty.js", "export {};\n");
  const output = `${directory.path}/empty`;
  const arch = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  const base = `${PROJECT}/.tools/denort/${Deno.version.deno}-${arch}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "--quiet", "--no-check", "--no-config", "--no-lock", "--no-remote"],
      ...["--no-npm", "--no-code-cache", "--output", output, source],
    ],
    env: { DENORT_BIN: Deno.env.get("DENORT_BIN") ?? base },
  }).output();
  if (!success) throw new Error(`no empty program: ${new TextDecoder().decode(stderr).trim()}`);
  return output;
}
