import { ConnectionClosedError } from "../harness/unix_stream.ts";
import type { Guest } from "../harness/qemu/guest.ts";
import type { QmpEvent } from "../harness/qemu/qmp.ts";

const POWER_OFF = { timeoutMs: 60_000 };

/**
 * Sends guest-shutdown, as a hypervisor does, and gives the QMP event SHUTDOWN that comes of it. The command has no
 * reply but an error.
 *
 * @throws {Error} with the reply when there is one, or when the event does not come within a minute.
 */
export async function shutDownByAgent(guest: Guest): Promise<QmpEvent> {
  await using client = await guest.agent();
  await client.sync();
  await client.request("guest-shutdown");
  const refused = (async () => {
    const reply = await client.receiveReply(POWER_OFF);
    throw new Error(`guest-shutdown answered ${JSON.stringify(reply)}`);
  })();
  const powersOff = guest.qmp.waitEvent("SHUTDOWN", POWER_OFF);
  // The connection ends with the machine, maybe before its end is told.
  return await Promise.race([powersOff, refused]).catch((error) => {
    if (error instanceof ConnectionClosedError) return powersOff;
    throw error;
  });
}
