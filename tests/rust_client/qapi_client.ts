import { parseExactJson } from "../harness/exact_json.ts";
import { run, runCommand, succeeded } from "../harness/command.ts";

const CLIENT = new URL("client", import.meta.url).pathname;

/** How a command went: its typed reply as JSON has it, or the crate's error. */
export interface Outcome {
  readonly command: string;
  readonly returned?: unknown;
  readonly error?: string;
}

/** Compiles the program that drives an agent through the Rust crate `qapi`, and gives its path. */
export async function buildQapiClient(): Promise<string> {
  await run("cargo", "build", "--quiet", "--release", "--manifest-path", `${CLIENT}/Cargo.toml`);
  return `${CLIENT}/target/release/qapi-client`;
}

/**
 * Runs commands through the crate, all that it knows or only those named, and gives how each went. Files are made
 * in `directory`, a mount point of the guest, which is frozen alone, too.
 *
 * @throws {Error} if the program fails, as it does when a reply does not come.
 */
export async function runQapiClient(
  client: string,
  socket: string,
  directory: string,
  only: readonly string[] = [],
): Promise<Outcome[]> {
  const result = await runCommand(client, [socket, directory, ...only], { env: {} });
  const { stdout } = succeeded(client, result);
  return stdout.trimEnd().split("\n").map((line) => {
    const [command = "", kind, ...rest] = line.split("\t");
    const text = rest.join("\t");
    return kind === "return"
      ? { command, returned: parseExactJson(text) }
      : { command, error: text };
  });
}
