import fc from "fast-check";

/**
 * Runs a property test and prints its seed, so that a failure can be played again with
 * `PROPERTY_SEED=<seed> deno test ...`. `PROPERTY_RUNS` sets the number of runs.
 *
 * @throws Error of fast-check with the smallest counter-example found.
 */
export async function checkProperty<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  predicate: (value: T) => Promise<void> | void,
  runs = 200,
): Promise<void> {
  const seed = Number(Deno.env.get("PROPERTY_SEED") ?? Math.floor(Math.random() * 0x7fffffff));
  const numRuns = Number(Deno.env.get("PROPERTY_RUNS") ?? runs);
  console.log(`property "${name}": PROPERTY_SEED=${seed}, ${numRuns} runs`);
  await fc.assert(fc.asyncProperty(arbitrary, async (value) => await predicate(value)), {
    seed,
    numRuns,
  });
}
