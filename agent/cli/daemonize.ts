import { cString, type Libc } from "../host/libc.ts";

const O_RDWR = 2;
const MARKER = "QGA_TALOS_BACKGROUND";
const READY = "ready\n";

/** Whether this process is the one that `startInBackground` made. */
export function isBackgroundProcess(): boolean {
  return Deno.env.get(MARKER) === "1";
}

/**
 * Starts this program again with the same words, in a session of its own, and waits until it serves.
 * (A fork(2) without exec would leave V8 without its threads.)
 *
 * @returns the exit status for this process: 0 when the other one serves, else that one's
 */
export async function startInBackground(words: readonly string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...words],
    env: { [MARKER]: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    detached: true,
  }).spawn();
  for await (const bytes of child.stdout) {
    if (new TextDecoder().decode(bytes).includes(READY)) return 0;
  }
  return (await child.status).code;
}

/** Tells `startInBackground` that this process serves, and lets go of the terminal. */
export function detach(libc: Libc): void {
  Deno.stdout.writeSync(new TextEncoder().encode(READY));
  Deno.chdir("/");
  const nothing = libc.check(libc.file.open(cString("/dev/null"), O_RDWR, 0), "open /dev/null");
  for (const fd of [0, 1, 2]) libc.check(libc.process.dup2(nothing, fd), "dup2");
  libc.file.close(nothing);
}
