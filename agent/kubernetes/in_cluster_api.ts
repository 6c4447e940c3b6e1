import { messageOf } from "../fault.ts";
import { FaultError } from "../fault.ts";
import { trustOnly } from "../talos/grpc/trusted_authorities.ts";

/** Where a pod finds the API server, and what it proves its identity with. */
export interface InClusterSettings {
  /** KUBERNETES_SERVICE_HOST: an address or a name. */
  readonly host: string;
  /** KUBERNETES_SERVICE_PORT. */
  readonly port: string;
  /** Directory with `token` and `ca.crt`, which kubelet renews. */
  readonly directory: string;
}

/** Where kubelet mounts a ServiceAccount's token. */
export const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The API server did not do what it was asked for; says why, and what to do. */
export class KubernetesError extends FaultError {
  override readonly name = "KubernetesError";
}

/**
 * The Kubernetes API as a pod sees it: the address from the environment, the token of its
 * ServiceAccount. Both files are read again for each call, and each call has a connection of its own:
 * calls are rare, tokens are replaced every hour, and nothing is held in between.
 */
export class InClusterApi {
  readonly #settings: InClusterSettings;

  constructor(settings: InClusterSettings) {
    this.#settings = settings;
  }

  /**
   * POSTs an object to a path such as `/apis/events.k8s.io/v1/namespaces/default/events`.
   *
   * @throws KubernetesError when it is not created, or not before the signal
   */
  async create(path: string, object: unknown, signal: AbortSignal): Promise<void> {
    const token = await this.#read("token");
    const certificates = await this.#read("ca.crt");
    const { host, port } = this.#settings;
    const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
    let client: Deno.HttpClient | undefined;
    try {
      client = Deno.createHttpClient({ caCerts: trustOnly([certificates]), poolMaxIdlePerHost: 0 });
      const response = await fetch(`${server}${path}`, {
        client,
        method: "POST",
        signal,
        redirect: "error",
        headers: { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" },
        body: JSON.stringify(object),
      });
      if (!response.ok) throw new KubernetesError(await refusal(response));
      await response.body?.cancel();
    } catch (error) {
      if (error instanceof KubernetesError) throw error;
      const reason = signal.aborted ? "no answer in time" : messageOf(error);
      throw new KubernetesError(`the API server ${server} cannot be asked: ${reason}`);
    } finally {
      client?.close();
    }
  }

  async #read(name: string): Promise<string> {
    const path = `${this.#settings.directory}/${name}`;
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      throw new KubernetesError(
        `cannot read ${path}, which the pod gets by automountServiceAccountToken: ${
          messageOf(error)
        }`,
      );
    }
  }
}

/** What a metav1.Status says, as far as it is one. */
async function refusal(response: Response): Promise<string> {
  const text = await response.text();
  let message = text.slice(0, 200);
  try {
    message = String(JSON.parse(text).message);
  } catch {
    // A proxy's page, say: its beginning is what there is to tell.
  }
  const advice = response.status === 403 ? "; give the pod's ServiceAccount that right" : "";
  return `the API server refused with ${response.status}: ${message}${advice}`;
}
