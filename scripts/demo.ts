import { actAsMachined, bootTalosGuest, startTalosApi } from "../tests/harness/qemu/talos_guest.ts";
import type { Guest } from "../tests/harness/qemu/guest.ts";
import type { GuestAgentClient } from "../tests/harness/qemu/guest_agent_client.ts";
import { stringifyExactJson } from "../tests/harness/exact_json.ts";

/** What the start of agent and guard may take: the VM is emulated. */
const EMULATED_START = { timeoutMs: 90_000 };
const SLOW = { timeoutMs: 30_000 };
const INDENT = " ".repeat(10);

interface Question {
  readonly question: string;
  readonly command: string;
  /** What of the answer is shown. Default: all. */
  readonly part?: (answer: unknown) => unknown;
}

interface Interface {
  readonly name: string;
  readonly "ip-addresses"?: readonly { readonly "ip-address": string }[];
}

const QUESTIONS: readonly Question[] = [
  { question: "What is it called?", command: "guest-get-host-name" },
  {
    question: "Which operating system is it?",
    command: "guest-get-osinfo",
    part: (answer) => {
      const { "pretty-name": name, "kernel-release": kernel } = answer as Record<string, unknown>;
      return { "pretty-name": name, "kernel-release": kernel };
    },
  },
  {
    question: "Which addresses has it?",
    command: "guest-network-get-interfaces",
    part: (answer) =>
      (answer as readonly Interface[]).filter(({ name }) => name !== "lo")
        .flatMap(({ "ip-addresses": addresses = [] }) => addresses)
        .map(({ "ip-address": address }) => address),
  },
];
/** What Talos would have mounted, and the guard that the chart runs next to the agent. */
const SET_UP = "mkdir -p /host/root/var && mount -t ext4 /dev/vda /host/root/var && " +
  "{ setsid qemu-ga-talos guard </dev/null >/run/guard.log 2>&1 & } && " +
  "until grep -q 'guard started' /run/guard.log; do usleep 50000; done";
/** Ends when what it has written is on the disk. */
const WRITE = "echo data >/host/root/var/data && sync /host/root/var/data";

const started = performance.now();

function tell(text: string, command?: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  if (command === undefined) console.log(`[${seconds} s] ${text}`);
  else console.log(`[${seconds} s] ${text}  -> %c${command}`, "color: cyan");
}

function tellAnswer(answer: unknown, { part }: Question): void {
  const text = stringifyExactJson(part === undefined ? answer : part(answer));
  console.log(`${INDENT}<- %c${text}%c${part === undefined ? "" : " ..."}`, "color: green", "");
}

/** Tells the story; throws when a step of it was not seen. */
async function demo(keep: boolean): Promise<void> {
  tell("A Talos API starts on this machine: HTTP/2, mutual TLS, roles.");
  await using api = await startTalosApi();
  tell("A VM boots with the agent on a virtio-serial port.");
  await using guest = await bootTalosGuest(api, {
    guest: { disks: [{ sizeMiB: 64, fileSystem: "ext4" }] },
  });
  tell("The hypervisor connects to the port.", "guest-sync-delimited");
  {
    await using agent = await guest.agent();
    await agent.sync(EMULATED_START);
    await run(guest, SET_UP, EMULATED_START);
    for (const question of QUESTIONS) await ask(agent, question);
    await freeze(guest, agent);
  }
  if (keep) {
    tell(`The VM stays up. Talk to ${guest.agentSocket}, for example with`);
    console.log(`${INDENT}dist/qemu-ga-talos call --path ${guest.agentSocket} guest-get-osinfo`);
    console.log(`${INDENT}or send guest-shutdown. Ctrl-C ends the VM.`);
    const end = Promise.race([guest.exited, interrupted()]).then(() => false);
    // A reboot brings the VM back; only a shutdown ends it.
    while (await Promise.race([actAsMachined(api, guest).then(() => true), end]));
    return;
  }
  await using agent = await guest.agent();
  await agent.sync(SLOW);
  tell('Somebody presses "Shutdown".', "guest-shutdown");
  const machined = actAsMachined(api, guest);
  await agent.request("guest-shutdown");
  const [call] = (await api.calls.waitFor(1, 30_000)).slice(-1);
  if (call?.method !== "Shutdown" || !call.roles?.includes("os:operator")) {
    throw new Error(`the Talos API got ${JSON.stringify(call)} instead of a Shutdown`);
  }
  tell(
    `The Talos API gets ${call.method} ${JSON.stringify(call.request)} from role ${call.roles}.`,
  );
  await machined;
  const event = await guest.qmp.waitEvent("SHUTDOWN", { timeoutMs: 60_000 });
  const { code } = await guest.exited;
  tell(`QEMU reports ${event.name} ${JSON.stringify(event.data)}.`);
  if (code !== 0) throw new Error(`QEMU ended with status ${code}`);
  tell("QEMU has ended with status 0: every step was seen.");
}

/** As for a backup: what writes meanwhile waits. */
async function freeze(guest: Guest, agent: GuestAgentClient): Promise<void> {
  await ask(agent, {
    question: "A backup begins: how many file systems are frozen?",
    command: "guest-fsfreeze-freeze",
  });
  let written = false;
  const write = run(guest, WRITE).finally(() => written = true);
  // Awaited below, unless something fails before.
  write.catch(() => {});
  await run(guest, "sleep 1");
  if (written) throw new Error("a program could write to /var while it was frozen");
  tell("A program that writes to /var waits.");
  await ask(agent, {
    question: "The backup has its snapshot: how many are thawed?",
    command: "guest-fsfreeze-thaw",
  });
  await write;
  tell("The program goes on: what it wrote is on the disk.");
}

async function ask(agent: GuestAgentClient, question: Question): Promise<void> {
  tell(question.question, question.command);
  tellAnswer(await agent.execute(question.command, undefined, SLOW), question);
}

async function run(guest: Guest, command: string, timeout = SLOW): Promise<void> {
  const { status, stderr } = await guest.run(command, timeout);
  if (status !== 0) throw new Error(`\`${command}\` exits with ${status} in the VM: ${stderr}`);
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => Deno.addSignalListener("SIGINT", () => resolve()));
}

const [option, surplus] = Deno.args;
if (surplus !== undefined || (option !== undefined && option !== "--keep")) {
  console.error("usage: scripts/demo [--keep]");
  Deno.exit(2);
}
try {
  await demo(option === "--keep");
} catch (error) {
  console.error(`The demo failed: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
Deno.exit(0);
