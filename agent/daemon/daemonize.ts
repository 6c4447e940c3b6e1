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
    stderr: "piped",
    detached: true,
  }).spawn();
  const complaints = forward(child.stderr);
  for await (const bytes of child.stdout) {
    if (new TextDecoder().decode(bytes).includes(READY)) return 0;
  }
  await complaints;
  return (await child.status).code;
}

/** Tells `startInBackground` that this process serves: from then on nobody reads what it prints. */
export function reportReady(): void {
  Deno.stdout.writeSync(new TextEncoder().encode(READY));
  Deno.chdir("/");
}

async function forward(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const bytes of stream) Deno.stderr.writeSync(bytes);
}
