import project from "../deno.json" with { type: "json" };

/** The agent's version, which guest-info reports, too. */
export const VERSION: string = project.version;

/** One line: what this is, its version, and what it runs on. */
export function versionLine(): string {
  const { deno, v8 } = Deno.version;
  return `QEMU Guest Agent ${VERSION} (qemu-ga-talos; Deno ${deno}, V8 ${v8}, ${Deno.build.target})`;
}
