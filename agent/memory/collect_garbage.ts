/** What V8 offers with `--expose-gc`, which scripts/compile sets. */
type Collect = (
  options: { type: "major"; execution: "sync"; flavor: "last-resort" },
) => void;

/**
 * Gives memory back that JavaScript does not use any more. V8 collects twice on end, some ten milliseconds
 * each time, in which nothing else runs. By itself it waits until there are many megabytes of garbage: it does
 * not know of the container's limit.
 *
 * Where V8 does not offer it, in tests for one, nothing is done.
 */
export function collectGarbage(): void {
  // The last text that an expression has matched is kept, and what it is a part of.
  /^/.test("");
  const { gc } = globalThis as { gc?: Collect };
  // A plain collection keeps pages, and what was made while one was under way.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
}
