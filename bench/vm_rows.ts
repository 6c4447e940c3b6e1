import { startTalosApi } from "../tests/harness/qemu/talos_guest.ts";
import { Guest } from "../tests/harness/qemu/guest.ts";
import { interleavedPings, RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row } from "./row.ts";

const PEER = { peerName: "qemu-ga" };
const FIRST_ANSWER = { timeoutMs: 90_000 };
const IDLE_SECONDS = 30;
const REST_SECONDS = 12;
/** Of 1000 pings: the hypervisor's emulation has better and worse moments, which last longer than one. */
const PING_ROUNDS = 3;

/** Two guests at the same time, one with each agent: pings in turns, then both are left alone. */
export async function vmRows(ours: string, peer: string): Promise<readonly Row[]> {
  await using api = await startTalosApi();
  await using ourGuest = await Guest.boot({
    programs: { "/bin/qemu-ga-talos": ours },
    files: { "/etc/talosconfig": await api.talosconfig() },
    agentCommand: "/bin/qemu-ga-talos --talosconfig /etc/talosconfig " +
      `--talos-endpoint 10.0.2.2:${api.port}`,
  });
  await using peerGuest = await Guest.boot({
    programs: { "/usr/sbin/qemu-ga": peer },
    agentCommand: "qemu-ga -m virtio-serial -p /dev/vport0p1 -t /run",
  });
  const guests = [ourGuest, peerGuest] as const;
  for (const guest of guests) await firstAnswer(guest);
  const pings = await pingRow(guests);
  const away = await idleRow("idle 30 s, host away", guests);
  using _ourSilence = await RawClient.connect(ourGuest.agentSocket);
  using _peerSilence = await RawClient.connect(peerGuest.agentSocket);
  return [pings, away, await idleRow("idle 30 s, host silent", guests)];
}

async function firstAnswer(guest: Guest): Promise<void> {
  await using agent = await guest.agent();
  await agent.sync(FIRST_ANSWER);
}

async function pingRow([ours, peer]: readonly [Guest, Guest]): Promise<Row> {
  const ourTimes: number[] = [];
  const peerTimes: number[] = [];
  for (let round = 0; round < PING_ROUNDS; round++) {
    using ourClient = await RawClient.connect(ours.agentSocket);
    using peerClient = await RawClient.connect(peer.agentSocket);
    await ourClient.firstSync();
    await peerClient.firstSync();
    const [our, their] = await interleavedPings([ourClient, peerClient], 1000);
    ourTimes.push(...our);
    peerTimes.push(...their);
  }
  return measuredRow({
    what: `guest-ping, VM (${PING_ROUNDS} x 1000)`,
    unit: "µs",
    ours: 1000 * median(ourTimes),
    peer: 1000 * median(peerTimes),
    ...PEER,
    must: { times: 1 },
  });
}

async function idleRow(what: string, guests: readonly [Guest, Guest]): Promise<Row> {
  const [ours, peer] = await Promise.all([idleTicks(guests[0]), idleTicks(guests[1])]);
  return measuredRow({ what, unit: "ticks", ours, peer, ...PEER, must: { most: 0 } });
}

/**
 * CPU time of the agent and its threads, in clock ticks, after the agent has come to rest: threads that
 * the start or a request has used for files end after 10 seconds.
 */
async function idleTicks(guest: Guest): Promise<number> {
  const options = { timeoutMs: (IDLE_SECONDS + 30) * 1000 };
  await guest.run(`sleep ${REST_SECONDS}`, options);
  const before = await cpuTicks(guest);
  await guest.run(`sleep ${IDLE_SECONDS}`, options);
  return await cpuTicks(guest) - before;
}

async function cpuTicks(guest: Guest): Promise<number> {
  const { stdout } = await guest.run("cat /proc/$(cat /run/agent.pid)/stat");
  const fields = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
