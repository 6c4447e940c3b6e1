import { LocalAgent } from "./local_agent.ts";
import { RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row } from "./row.ts";

/** The commands that only read, of those that Debian's qemu-ga has, too. */
const COMMANDS = [
  "guest-info",
  "guest-get-time",
  "guest-get-host-name",
  "guest-get-osinfo",
  "guest-get-timezone",
  "guest-get-users",
  "guest-network-get-interfaces",
  "guest-get-vcpus",
  "guest-get-cpustats",
  "guest-get-memory-blocks",
  "guest-get-memory-block-info",
  "guest-get-fsinfo",
  "guest-get-disks",
  "guest-get-diskstats",
  "guest-fsfreeze-status",
];
const ROUNDS = 40;
const TURN = 5;

/**
 * Each command that reads on a unix socket, in turns with qemu-ga, and the sum of their medians. What
 * a command answers with an error is measured like any other answer.
 */
export async function readRows(ours: string, peer: string): Promise<readonly Row[]> {
  await using ourAgent = await LocalAgent.start(ours);
  await using peerAgent = await LocalAgent.start(peer);
  using ourClient = await RawClient.connect(ourAgent.socket);
  using peerClient = await RawClient.connect(peerAgent.socket);
  await ourClient.firstSync();
  await peerClient.firstSync();
  const clients = [ourClient, peerClient] as const;
  const times = COMMANDS.map(() => [[], []] as [number[], number[]]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, command] of COMMANDS.entries()) {
      for (const side of [0, 1] as const) {
        for (let turn = 0; turn < TURN; turn++) {
          times[index]?.[side].push(await answerTime(clients[side], command));
        }
      }
    }
  }
  const medians = times.map(([our, their]) => [1000 * median(our), 1000 * median(their)] as const);
  const sum = (side: 0 | 1): number => medians.reduce((total, pair) => total + pair[side], 0);
  const row = (what: string, our: number, their: number, most: number): Row =>
    measuredRow({
      what,
      unit: "µs",
      ours: our,
      peer: their,
      peerName: "qemu-ga",
      must: { times: most },
    });
  return [
    ...medians.map(([our, their], index) => row(COMMANDS[index] ?? "", our, their, 1.5)),
    row("these together", sum(0), sum(1), 1),
  ];
}

async function answerTime(client: RawClient, command: string): Promise<number> {
  const start = performance.now();
  await client.send(`{"execute":"${command}"}\n`);
  await client.receiveLine();
  return performance.now() - start;
}
