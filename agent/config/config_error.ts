import { FaultError } from "../fault.ts";
/**
 * A mistake in the command line, the environment or a configuration file. The message is one line that
 * names what is wrong, where it stands, and what is allowed.
 */
export class ConfigError extends FaultError {
  override readonly name = "ConfigError";
}
