import type { Row } from "./row.ts";

/**
 * What lists of a dense node take, beside qemu-ga, and how much memory ours keeps of them. In a network and
 * a mount namespace of their own.
 */
export async function scaleRows(ours: string, peer: string): Promise<readonly Row[]> {
  const { success, stdout } = await new Deno.Command("unshare", {
    args: [
      ...["--mount", "--net", "--propagation", "private"],
      ...[Deno.execPath(), "run", "--quiet", "-A", "bench/scale.ts", ours, peer],
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("bench/scale.ts has failed; it says above why");
  // It is our own program that has written it.
  return JSON.parse(new TextDecoder().decode(stdout)) as readonly Row[];
}
