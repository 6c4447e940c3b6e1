import { run } from "../harness/command.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar";

/** An image of one layer. */
export interface SimpleImage {
  /** The last part of what it is called in every registry, such as `kubelet`. */
  readonly name: string;
  /** The tree of its files. */
  readonly tree: string;
  /** What it runs, and other members of the image's `config` (OCI image specification). */
  readonly config?: Readonly<Record<string, unknown>>;
}

/**
 * A registry on 127.0.0.1 for who pulls through a mirror: each image is there under every tag. It has files, too,
 * below /files/.
 */
export class Registry implements AsyncDisposable {
  readonly #directory: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #images = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #blobs = new Map<string, { readonly path: string; readonly size: number }>();
  readonly #files = new Map<string, string>();

  /** @param directory where its layers go; it exists */
  constructor(directory: string) {
    this.#directory = directory;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Its port. */
  get port(): number {
    return this.#server.addr.port;
  }

  /** Takes an image in, or another one of the same name. */
  async add({ name, tree, config = {} }: SimpleImage): Promise<void> {
    const tar = `${this.#directory}/${name}.tar`;
    await run(
      ...[
        "tar",
        "--create",
        "--file",
        tar,
        "--directory",
        tree,
        "--sort=name",
        "--mtime=@0",
      ] as const,
      ...["--owner=0", "--group=0", "--numeric-owner", "."],
    );
    const layer = await this.#addBlob(tar);
    const configuration = await this.#addText(`${tar}.config`, {
      architecture: "amd64",
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    });
    const manifest = new TextEncoder().encode(JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...configuration },
      layers: [{ mediaType: LAYER, ...layer }],
    }));
    this.#images.set(name, manifest);
  }

  /** Has a text served as /files/NAME. */
  addFile(name: string, text: string): void {
    this.#files.set(name, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #addText(path: string, value: unknown): Promise<{ digest: string; size: number }> {
    await Deno.writeTextFile(path, JSON.stringify(value));
    return await this.#addBlob(path);
  }

  async #addBlob(path: string): Promise<{ digest: string; size: number }> {
    const digest = `sha256:${(await run("sha256sum", path)).slice(0, 64)}`;
    const { size } = await Deno.stat(path);
    this.#blobs.set(digest, { path, size });
    return { digest, size };
  }

  async #answer({ method, url }: Request): Promise<Response> {
    const { pathname } = new URL(url);
    const body = <T>(content: T) => method === "HEAD" ? null : content;
    if (/^\/v2\/?$/.test(pathname)) return new Response("{}");
    const text = this.#files.get(pathname.replace(/^\/files\//, ""));
    if (text !== undefined) return new Response(body(text));
    const name = /^\/v2\/(.+)\/manifests\//.exec(pathname)?.[1] ?? "";
    const manifest = this.#images.get(name.slice(name.lastIndexOf("/") + 1));
    if (manifest !== undefined) {
      const headers = { "Content-Type": MANIFEST, "Content-Length": String(manifest.length) };
      return new Response(body(manifest), { headers });
    }
    const blob = this.#blobs.get(/\/blobs\/(.+)$/.exec(pathname)?.[1] ?? "");
    if (blob === undefined) return new Response("", { status: 404 });
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Length": String(blob.size),
    };
    if (method === "HEAD") return new Response(null, { headers });
    return new Response((await Deno.open(blob.path)).readable, { headers });
  }
}
