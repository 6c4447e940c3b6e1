/** What of a suite decides when it runs. */
export interface ScheduledSuite {
  readonly name: string;
  /** The suites that must have ended, where they run at all. */
  readonly after?: readonly string[];
  /** What it uses that only one suite at a time may use. */
  readonly uses?: readonly string[];
}

/**
 * The suite to start next beside those that run: the first that may start; undefined if none may now.
 *
 * @param waiting those that have not started, in the order in which they should
 */
export function nextSuite<Suite extends ScheduledSuite>(
  waiting: readonly Suite[],
  running: readonly Suite[],
): Suite | undefined {
  const used = new Set(running.flatMap(({ uses = [] }) => uses));
  const unfinished = new Set([...waiting, ...running].map(({ name }) => name));
  return waiting.find(({ after = [], uses = [] }) =>
    !after.some((name) => unfinished.has(name)) && !uses.some((thing) => used.has(thing))
  );
}

/**
 * Runs suites, several at once, and gives their outcomes in the order in which they were given.
 *
 * @param suites in the order in which they should start
 * @param jobs how many may run at once, 1 or more
 * @throws {Error} what `run` throws; or when suites wait for each other.
 */
export async function runSuites<Suite extends ScheduledSuite, Outcome>(
  suites: readonly Suite[],
  jobs: number,
  run: (suite: Suite) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes = new Map<Suite, Outcome>();
  const running = new Map<Suite, Promise<void>>();
  const start = async (suite: Suite) => {
    outcomes.set(suite, await run(suite));
    running.delete(suite);
  };
  while (outcomes.size < suites.length) {
    const waiting = suites.filter((suite) => !outcomes.has(suite) && !running.has(suite));
    const next = running.size < jobs ? nextSuite(waiting, [...running.keys()]) : undefined;
    if (next !== undefined) {
      running.set(next, start(next));
    } else if (running.size > 0) {
      await Promise.race(running.values());
    } else {
      throw new Error(`suites wait for each other: ${waiting.map(({ name }) => name).join(", ")}`);
    }
  }
  return [...outcomes].sort(([one], [other]) => suites.indexOf(one) - suites.indexOf(other))
    .map(([, outcome]) => outcome);
}

/** Runs what it is given one after the other, in the order in which it is given. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all before it has ended, however that ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
