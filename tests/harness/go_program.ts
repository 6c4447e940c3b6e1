import { runCommand, succeeded } from "./command.ts";
import { PROJECT } from "./project.ts";

/**
 * Builds a Go program of the tests, of modules that scripts/bootstrap has fetched.
 *
 * @param directory where its go.mod lies, below the project
 * @param output path of the executable
 * @throws {Error} with Go's complaint, if it cannot be built.
 */
export async function buildGoProgram(directory: string, output: string): Promise<void> {
  const args = ["-C", `${PROJECT}/${directory}`, "build", "-o", output, "."];
  const build = await runCommand("go", args, {
    env: {
      PATH: `${PROJECT}/.tools/go/bin:${Deno.env.get("PATH") ?? ""}`,
      GOFLAGS: "-mod=readonly -buildvcs=false",
      GOTOOLCHAIN: "local",
      GOPROXY: "off",
      GOWORK: "off",
      CGO_ENABLED: "0",
    },
  });
  succeeded("go build", build);
}
