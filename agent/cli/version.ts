import project from "../../deno.json" with { type: "json" };
import { ConfigError } from "../config/config_error.ts";

/** The agent's version, which guest-info reports, too. */
export const VERSION: string = project.version;

/** One line: what this is, its version, and what it runs on. */
export function versionLine(): string {
  const { deno, v8 } = Deno.version;
  return `QEMU Guest Agent ${VERSION} (qemu-ga-talos; Deno ${deno}, V8 ${v8}, ${Deno.build.target})`;
}

/** The sub-command `version`. */
export function version(words: readonly string[]): Promise<number> {
  const [word] = words;
  if (word !== undefined) throw new ConfigError(`version takes no arguments, found ${word}`);
  console.log(versionLine());
  return Promise.resolve(0);
}
