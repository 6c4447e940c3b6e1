/** Registers a test. */
export type RegisterTest = (name: string, test: () => void | Promise<void>) => void;

/** Registers tests with Deno, and knows whether a filter has kept some of them from running. */
export class Tests {
  #registered = 0;
  #ran = 0;

  /** Registers a test. */
  readonly register: RegisterTest = (name, test) => {
    this.#registered++;
    Deno.test(name, async () => {
      this.#ran++;
      await test();
    });
  };

  /** Whether all of them have begun. */
  get allRan(): boolean {
    return this.#ran === this.#registered;
  }
}
