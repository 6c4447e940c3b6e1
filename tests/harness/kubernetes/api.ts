/** What every object of the Kubernetes API has, as far as the tests look at it. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** Whatever else its kind has. */
  readonly [field: string]: unknown;
}

/** A list of objects; those in it have neither kind nor apiVersion. */
export interface KubernetesList {
  readonly items: readonly KubernetesObject[];
}

/** A request that the API server refused. */
export class KubernetesApiError extends Error {
  override readonly name = "KubernetesApiError";

  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** How long that it is ready may take to say. */
const READY_TIMEOUT_MS = 1_000;

/** How long to wait before a server is asked again that is too busy. */
const BUSY_PAUSE_MS = 100;

/** The Kubernetes API over HTTP, which takes a hundredth of the time of a kubectl. */
export class KubernetesApi implements Disposable {
  readonly #server: string;
  readonly #token: string;
  readonly #client: Deno.HttpClient;

  /** `certificateAuthority` is PEM. */
  constructor(server: string, certificateAuthority: string, token: string) {
    this.#server = server;
    this.#token = token;
    this.#client = Deno.createHttpClient({ caCerts: [certificateAuthority] });
  }

  /** Whether the API server says that it is ready; false also when there is none. */
  async isReady(): Promise<boolean> {
    try {
      const response = await this.#fetch("GET", "/readyz", undefined, READY_TIMEOUT_MS);
      await response.body?.cancel();
      return response.ok;
    } catch (error) {
      const isTimeout = error instanceof DOMException && error.name === "TimeoutError";
      if (error instanceof TypeError || isTimeout) return false;
      throw error;
    }
  }

  /**
   * The object at a path such as `/api/v1/nodes/worker`; undefined if there is none.
   *
   * @throws {KubernetesApiError} if it is refused.
   */
  async get(path: string): Promise<KubernetesObject | undefined> {
    const response = await this.#fetch("GET", path);
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    return await this.#read(response, path);
  }

  /**
   * The objects at a path such as `/api/v1/nodes`.
   *
   * @throws {KubernetesApiError} if there is no such resource, or it is refused.
   */
  async list(path: string): Promise<readonly KubernetesObject[]> {
    return (await this.read<KubernetesList>(path)).items;
  }

  /**
   * What is to be read at a path, such as the list of API groups at `/apis`.
   *
   * @throws {KubernetesApiError} if there is nothing, or it is refused.
   */
  async read<T>(path: string): Promise<T> {
    return await this.#read<T>(await this.#fetch("GET", path), path);
  }

  /**
   * Posts an object, or what an object has a sub-resource for.
   *
   * @throws {KubernetesApiError} if it is refused.
   */
  async create<T = KubernetesObject>(path: string, object: unknown): Promise<T> {
    return await this.#read<T>(await this.#fetch("POST", path, object), path);
  }

  /**
   * Merges a patch (RFC 7396) into what is at a path; does nothing if there is nothing.
   *
   * @throws {KubernetesApiError} if it is refused.
   */
  async merge(path: string, patch: unknown): Promise<void> {
    await this.#change("PATCH", path, patch, "application/merge-patch+json");
  }

  /**
   * Deletes the object at a path for good, as kubelet does with a pod that has ended; does nothing if there
   * is none.
   *
   * @throws {KubernetesApiError} if it is refused.
   */
  async remove(path: string): Promise<void> {
    await this.#change("DELETE", path, { gracePeriodSeconds: 0 });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #change(method: string, path: string, body: unknown, type?: string): Promise<void> {
    const response = await this.#fetch(method, path, body, TIMEOUT_MS, type);
    if (response.status === 404) await response.body?.cancel();
    else await this.#read(response, path);
  }

  async #fetch(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs: number = TIMEOUT_MS,
    type: string = "application/json",
  ): Promise<Response> {
    const signal = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const response = await fetch(`${this.#server}${path}`, {
        client: this.#client,
        method,
        signal,
        headers: { authorization: `Bearer ${this.#token}`, "content-type": type },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (response.status !== 429) return response;
      // The storage of a CRD takes a moment after its kind is known.
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
    }
  }

  async #read<T = KubernetesObject>(response: Response, path: string): Promise<T> {
    const text = await response.text();
    if (!response.ok) throw new KubernetesApiError(response.status, `${path}: ${text}`);
    return JSON.parse(text);
  }
}
