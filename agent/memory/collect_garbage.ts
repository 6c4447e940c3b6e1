/** What V8 offers with `--expose-gc`, which scripts/compile sets. */
type Collect = (
  options: { type: "major"; execution: "sync"; flavor: "regular" | "last-resort" },
) => void;

/** From so much garbage on, in bytes, V8 is made to give its pages back, which takes it twice as long. */
const MUCH = 16 * 1024 * 1024;

/**
 * Gives memory back that JavaScript does not use any more, which takes some ten milliseconds. By itself V8
 * waits until there are many megabytes of it: it does not know of the container's limit.
 *
 * Where V8 does not offer it, in tests for one, nothing is done.
 *
 * @param bytes how much there is to give back, about
 */
export function collectGarbage(bytes: number): void {
  // The last text that an expression has matched is kept, and what it is a part of.
  /^/.test("");
  const { gc } = globalThis as { gc?: Collect };
  const flavor = bytes < MUCH ? "regular" : "last-resort";
  gc?.({ type: "major", execution: "sync", flavor });
}
