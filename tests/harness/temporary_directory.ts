/**
 * A directory for one test, removed when it is disposed of.
 *
 * @example
 * await using directory = await TemporaryDirectory.create();
 * const path = await directory.write("talosconfig", text);
 */
export class TemporaryDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes a new one. */
  static async create(): Promise<TemporaryDirectory> {
    return new TemporaryDirectory(await Deno.makeTempDir({ prefix: "talos-test-" }));
  }

  /** Writes a file in it and gives its path. */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await Deno.writeTextFile(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
