import type { Difference } from "./compare.ts";

/**
 * Fails the test when there are differences.
 *
 * @param found what was sent, with the differences in the replies to it
 * @throws {Error} that shows each of them.
 */
export function failOn(
  found: readonly { readonly sent: string; readonly differences: readonly Difference[] }[],
): void {
  const lines = found.flatMap(({ sent, differences }) =>
    differences.map(({ aspect, where, ours, theirs }) =>
      `${sent}\n  ${aspect} ${where}\n    ours:    ${ours}\n    qemu-ga: ${theirs}`
    )
  );
  if (lines.length > 0) throw new Error(`the replies differ:\n${lines.join("\n")}`);
}
