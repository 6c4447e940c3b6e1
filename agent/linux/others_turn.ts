import type { Libc } from "./libc.ts";

const SLEEP_SYMBOLS = {
  usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

const SLEEP_MICROSECONDS = 100;

/**
 * Lets the event loop do what else there is to do, such as HTTP, for a moment in which this program is idle.
 * It takes a third of a millisecond: a timer takes a whole one, and something that is done at once would
 * be taken up again before the loop has looked at its sockets.
 */
export async function othersTurn(libc: Libc): Promise<void> {
  await libc.bind(SLEEP_SYMBOLS).usleep(SLEEP_MICROSECONDS);
}
