import { DeadlineError } from "./deadline.ts";

/** How a command ended. */
export interface CommandResult {
  /** Its exit status. */
  readonly code: number;
  /** What it printed. */
  readonly stdout: string;
  /** What it complained or warned of. */
  readonly stderr: string;
}

/** How a command runs. */
export interface CommandOptions {
  readonly env: Readonly<Record<string, string>>;
  /** The directory that it runs in. Default: the current one. */
  readonly cwd?: string;
  /** What it reads from its standard input. Default: nothing. */
  readonly stdin?: string | undefined;
  /** How long it may take, in milliseconds. Default: two minutes. */
  readonly timeoutMs?: number;
  /** Ends it, however far it is; its status is then that of a program that a signal has ended. */
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 120_000;

/**
 * Runs a command to its end, however it ends.
 *
 * @throws {DeadlineError} if it does not end in time.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  { env, cwd, stdin, timeoutMs = TIMEOUT_MS, signal }: CommandOptions,
): Promise<CommandResult> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const process = new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
  }).spawn();
  const output = process.output();
  if (stdin !== undefined) await write(process.stdin, stdin);
  const { code, stdout, stderr } = await output;
  if (deadline.aborted) throw new DeadlineError(`${program} ${args.join(" ")} did not end`);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * The result of a command that must succeed.
 *
 * @throws {Error} with the command and its complaint, if it failed.
 */
export function succeeded(command: string, result: CommandResult): CommandResult {
  if (result.code === 0) return result;
  throw new Error(`${command} ended with ${result.code}: ${result.stderr.trim()}`);
}

/**
 * Runs a command that must succeed, with the environment as it is, and gives what it printed.
 *
 * @throws {Error} with the command and its complaint, if it failed or did not end within two minutes.
 */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const result = await runCommand(program, args, { env: {} });
  return succeeded([program, ...args].join(" "), result).stdout;
}

/** A command that ends without reading everything tells by its status, not by a broken pipe. */
async function write(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
