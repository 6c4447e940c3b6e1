import { COMMANDS } from "../commands/all.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";

/**
 * Looks whether `--enable-commands` and `--disable-commands` name commands. qemu-ga ignores unknown names in its own
 * lists; here a typo would leave a command open that was to be closed.
 *
 * @throws ConfigError that names the first that is none.
 */
export function requireKnownCommands(
  config: Pick<Config, "enableCommands" | "disableCommands">,
): void {
  const lists = {
    "enable-commands": config.enableCommands,
    "disable-commands": config.disableCommands,
  };
  for (const [option, names] of Object.entries(lists)) {
    const unknown = names.find((name) => !COMMANDS.some((command) => command.name === name));
    if (unknown === undefined) continue;
    throw new ConfigError(
      `${option} names '${unknown}', which is no command: --block-rpcs help lists all commands`,
    );
  }
}
