import { type CommandResult, run, runCommand, succeeded } from "../harness/command.ts";
import { PROJECT } from "../harness/project.ts";
import { projectFiles } from "../files/project_files.ts";

/** A clone of the project, from which a release is made. */
export class Clone implements AsyncDisposable {
  readonly path: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(path: string, env: Readonly<Record<string, string>>) {
    this.path = path;
    this.#env = env;
  }

  /**
   * Of the project as it is now, with a commit of what is not committed yet and of a release that is prepared.
   *
   * @param version of the prepared release
   * @param env of its scripts
   */
  static async prepare(version: string, env: Readonly<Record<string, string>>): Promise<Clone> {
    const clone = await Clone.of(PROJECT, env);
    try {
      for (const file of await projectFiles()) {
        await run("mkdir", "--parents", new URL(".", `file://${clone.path}/${file}`).pathname);
        await Deno.copyFile(`${PROJECT}/${file}`, `${clone.path}/${file}`);
      }
      await clone.release("prepare", version);
      await clone.#git("add", "--all");
      const author = ["-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@example.com"];
      await clone.#git(...author, "commit", "--quiet", "--message", `release: ${version}`);
      return clone;
    } catch (error) {
      await clone[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of a repository's last commit; with the tools of the project, and a cache of packages of its own. */
  static async of(repository: string, env: Readonly<Record<string, string>>): Promise<Clone> {
    const path = await Deno.makeTempDir({ prefix: "clone-" });
    await run("git", "clone", "--quiet", repository, path);
    await Deno.mkdir(`${path}/.tools`);
    for (const name of ["bin", "denort"]) {
      await Deno.symlink(`${PROJECT}/.tools/${name}`, `${path}/.tools/${name}`);
    }
    const cache = Deno.env.get("DENO_DIR") ?? `${PROJECT}/.tools/deno-dir`;
    await run("cp", "--recursive", `${cache}/npm`, `${path}/.tools/npm`);
    await Deno.mkdir(`${path}/.tools/deno-dir`);
    await Deno.rename(`${path}/.tools/npm`, `${path}/.tools/deno-dir/npm`);
    // That of its own last commit.
    return new Clone(path, { ...env, SOURCE_DATE_EPOCH: "" });
  }

  /** Runs a step of scripts/release, however it ends. */
  async tryRelease(
    args: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string } = {},
  ): Promise<CommandResult> {
    const env = { ...this.#env, ...options.env };
    return await runCommand(`${this.path}/scripts/release`, args, { env, stdin: options.stdin });
  }

  /**
   * Runs a step of scripts/release, prints what it says, and gives that.
   *
   * @throws {Error} with its complaint, if it fails.
   */
  async release(...args: readonly string[]): Promise<string> {
    const result = await this.tryRelease(args);
    const { stdout } = succeeded(`scripts/release ${args.join(" ")}`, result);
    console.log(stdout.trimEnd());
    return stdout;
  }

  /** A file below dist/release, without the white space around it. */
  async read(file: string): Promise<string> {
    return (await Deno.readTextFile(`${this.path}/dist/release/${file}`)).trim();
  }

  async #git(...args: readonly string[]): Promise<void> {
    await run("git", "-C", this.path, ...args);
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
