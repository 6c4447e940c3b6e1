import { actAsMachined, bootTalosGuest, startTalosApi } from "../tests/harness/qemu/talos_guest.ts";
import { stringifyExactJson } from "../tests/harness/exact_json.ts";

/** What the first answer may take: the VM is emulated. */
const FIRST_ANSWER = { timeoutMs: 90_000 };
const QUESTIONS: readonly (readonly [string, string])[] = [
  ["Is anybody there?", "guest-ping"],
  ["Which operating system is it?", "guest-get-osinfo"],
  ["What is it called?", "guest-get-host-name"],
  ["Which addresses has it?", "guest-network-get-interfaces"],
  ["What can the agent do?", "guest-info"],
];

const started = performance.now();

function tell(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(`[${seconds} s] ${text}`);
}

function shorten(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300)} ... (${text.length} characters)`;
}

/** Tells the story; throws when a step of it was not seen. */
async function demo(keep: boolean): Promise<void> {
  tell(
    "A Talos API starts on this machine (HTTP/2, mutual TLS, roles from the client certificate).",
  );
  await using api = await startTalosApi();
  tell(`It listens on ${api.endpoint}. A VM boots with the agent on a virtio-serial port.`);
  await using guest = await bootTalosGuest(api);
  tell("The VM is up. The hypervisor connects to the port and synchronizes.");
  {
    await using agent = await guest.agent();
    await agent.sync(FIRST_ANSWER);
    tell("The agent has answered.");
    for (const [question, command] of QUESTIONS) {
      tell(`${question}  -> ${command}`);
      const answer = await agent.execute(command, undefined, { timeoutMs: 30_000 });
      console.log(`          <- ${shorten(stringifyExactJson(answer))}`);
    }
  }
  if (keep) {
    tell(`The VM stays up. Talk to ${guest.agentSocket}, for example with`);
    console.log(`          dist/qemu-ga-talos call --path ${guest.agentSocket} guest-get-osinfo`);
    console.log("          or send guest-shutdown. Ctrl-C ends the VM.");
    const end = Promise.race([guest.exited, interrupted()]).then(() => false);
    // A reboot brings the VM back; only a shutdown ends it.
    while (await Promise.race([actAsMachined(api, guest).then(() => true), end]));
    return;
  }
  await using agent = await guest.agent();
  await agent.sync({ timeoutMs: 30_000 });
  tell('Somebody presses "Shutdown".  -> guest-shutdown');
  const machined = actAsMachined(api, guest);
  await agent.request("guest-shutdown");
  const [call] = (await api.calls.waitFor(1, 30_000)).slice(-1);
  if (call?.method !== "Shutdown" || !call.roles?.includes("os:operator")) {
    throw new Error(`the Talos API got ${JSON.stringify(call)} instead of a Shutdown`);
  }
  tell(
    `The Talos API gets ${call.method} ${JSON.stringify(call.request)} from role ${call.roles}.`,
  );
  tell("Talos stops the node and powers it off.");
  await machined;
  const event = await guest.qmp.waitEvent("SHUTDOWN", { timeoutMs: 60_000 });
  const { code } = await guest.exited;
  tell(`QEMU reports ${event.name} ${JSON.stringify(event.data)} and ends with status ${code}.`);
  if (code !== 0) throw new Error(`QEMU ended with status ${code}`);
  tell("Done: every step was seen.");
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
