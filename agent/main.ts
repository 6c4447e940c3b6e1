import { run } from "./cli/run.ts";
import { version } from "./cli/version.ts";
import { ChannelError } from "./channel/channel.ts";
import { ConfigError } from "./config/config_error.ts";
import { PidfileError } from "./daemon/pid_file.ts";

const SUB_COMMANDS: Readonly<Record<string, (words: readonly string[]) => Promise<number>>> = {
  run,
  // Loaded when they are asked for: the agent needs none of them.
  call: async (words) => await (await import("./cli/call.ts")).call(words),
  check: async (words) => await (await import("./cli/check.ts")).check(words),
  guard: async (words) => await (await import("./cli/guard.ts")).guard(words),
  version,
};

/** Runs the sub-command that the words name, `run` when they name none; gives the exit status. */
async function main(words: readonly string[]): Promise<number> {
  const [first = "", ...rest] = words;
  try {
    const subCommand = Object.hasOwn(SUB_COMMANDS, first) ? SUB_COMMANDS[first] : undefined;
    return subCommand === undefined ? await run(words) : await subCommand(rest);
  } catch (error) {
    if (error instanceof ConfigError) return fail(error, 2);
    if (error instanceof ChannelError || error instanceof PidfileError) return fail(error, 1);
    throw error;
  }
}

function fail(error: Error, status: number): number {
  console.error(`qemu-ga-talos: ${error.message}`);
  return status;
}

Deno.exit(await main(Deno.args));
