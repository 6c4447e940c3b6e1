import { ConfigError } from "../config/config_error.ts";
import { versionLine } from "../version.ts";

/** The sub-command `version`. */
export function version(words: readonly string[]): Promise<number> {
  const [word] = words;
  if (word !== undefined) throw new ConfigError(`version takes no arguments, found ${word}`);
  console.log(versionLine());
  return Promise.resolve(0);
}
