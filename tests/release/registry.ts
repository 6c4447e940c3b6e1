import { Daemon } from "../harness/daemon.ts";
import { freePort } from "../harness/free_port.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { until } from "../harness/until.ts";

/** Debian's registry of images and charts on a port of loopback, which wants a password from everybody. */
export class Registry implements AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** The only user. */
  readonly user: string;
  /** Their password. */
  readonly password: string;

  readonly #daemon: Daemon;
  readonly #directory: string;

  private constructor(address: string, password: string, daemon: Daemon, directory: string) {
    this.address = address;
    this.user = "docker";
    this.password = password;
    this.#daemon = daemon;
    this.#directory = directory;
  }

  /**
   * Starts it and waits until it answers.
   *
   * @throws {Error} if it is not installed, ends, or does not answer within a minute.
   */
  static async start(): Promise<Registry> {
    const directory = await Deno.makeTempDir({ prefix: "registry-" });
    const address = `127.0.0.1:${freePort()}`;
    // JSON is YAML, too.
    const configuration = JSON.stringify({
      version: "0.1",
      log: { level: "warn" },
      storage: { filesystem: { rootdirectory: `${directory}/storage` } },
      http: { addr: address },
      // It makes the file, with a user and a password that it logs.
      auth: { htpasswd: { realm: "rehearsal", path: `${directory}/htpasswd` } },
    });
    await Deno.writeTextFile(`${directory}/config.yml`, configuration);
    const log = `${directory}/log`;
    const program = await findProgram("docker-registry", "registry");
    const daemon = new Daemon(program, ["serve", `${directory}/config.yml`], log);
    try {
      const password = await until(
        () => `the registry serves:\n${daemon.lastLines()}`,
        async () => {
          daemon.checkAlive();
          await wantsLogin(address);
          return /\bpassword=(\S+) user=docker$/m.exec(await readIfThere(log))?.[1];
        },
      );
      return new Registry(address, password, daemon, directory);
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  /** Ends it and removes what was pushed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** The first request makes the registry write its password; whether it answers yet does not matter. */
async function wantsLogin(address: string): Promise<void> {
  try {
    await (await fetch(`http://${address}/v2/`)).body?.cancel();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
