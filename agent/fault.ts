/** What is wrong, and what to do about it: both are clauses, without a full stop. */
export interface Fault {
  readonly fact: string;
  /** Undefined when nothing can be done but to try again. */
  readonly remedy: string | undefined;
}

/**
 * A failure that is foreseen: a user or a client sees its message, which is the fault as a sentence, and
 * no stack. Whatever else is thrown is a mistake in the agent.
 */
export class FaultError extends Error implements Fault {
  readonly fact: string;
  readonly remedy: string | undefined;

  constructor(fact: string, remedy?: string, options?: ErrorOptions) {
    super(faultSentence({ fact, remedy }), options);
    this.fact = fact;
    this.remedy = remedy;
  }
}

/** A fault as a sentence without a full stop. */
export function faultSentence(fault: Fault): string;
/** As above; undefined for none. */
export function faultSentence(fault: Fault | undefined): string | undefined;
export function faultSentence(fault: Fault | undefined): string | undefined {
  if (fault?.remedy === undefined) return fault?.fact;
  return `${fault.fact}; ${fault.remedy}`;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
