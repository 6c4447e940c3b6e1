import { JsonNumber, type ReplyValue } from "./reply.ts";

/** A request whose arguments may come out of the replies to those before it. */
export interface Step {
  readonly command: string;
  /** JSON text of the arguments; left out when there is none. */
  readonly arguments?: string | ((replies: readonly ReplyValue[]) => string);
  /** Where only the type must be the same. */
  readonly volatile?: RegExp;
  /** The request is repeated until the reply is as this says. */
  readonly until?: (reply: ReplyValue | undefined) => boolean;
}

/** Requests that belong together, with right arguments; the commands of the steps are its subject. */
export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Sets up what the steps need in the directory; runs for each agent. */
  readonly prepare?: (directory: string) => Promise<AsyncDisposable | void>;
  /** What the steps have left in the directory; it must be the same. */
  readonly inspect?: (directory: string) => Promise<string>;
  /** What qemu-ga 7.2 does not have: ours alone runs, and its last reply must be this JSON. */
  readonly oursAlone?: string;
}

/** A step with its arguments' JSON text. */
export function step(command: string, args?: string, volatile?: RegExp): Step {
  return {
    command,
    ...(args === undefined ? {} : { arguments: args }),
    ...(volatile === undefined ? {} : { volatile }),
  };
}

/** A scenario of one step. */
export function single(
  command: string,
  args?: string,
  more: Pick<Step, "volatile"> & Pick<Scenario, "prepare" | "inspect"> = {},
): Scenario {
  const { volatile, ...around } = more;
  return {
    name: args === undefined ? command : `${command} ${args}`,
    steps: [step(command, args, volatile)],
    ...around,
  };
}

/** The digits of a number in a reply; those of `fallback` when there is none. */
export function numberText(value: ReplyValue | undefined, fallback: string): string {
  return value instanceof JsonNumber ? value.text : fallback;
}

/** Base64 of a text's UTF-8. */
export function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
