import { createAuthority, issueServer } from "../talos/pki.ts";
import type { HelmVersion } from "./helm.ts";
import { findProgram, isFile } from "../qemu/programs.ts";
import { type CommandResult, runCommand, succeeded } from "../command.ts";
import { Daemon } from "../daemon.ts";
import { KubernetesApi } from "./api.ts";
import { until } from "../until.ts";

/** How a `ControlPlane` is set up. */
export interface ControlPlaneOptions {
  /** Address that the API server listens on. Default 127.0.0.1. */
  readonly bindAddress?: string;
  /** Port that the API server listens on. Default: any free one. */
  readonly port?: number;
  /** Socket of an HTTP proxy that the API server asks for connections to kubelets. Default: none. */
  readonly kubeletProxy?: string;
}

/** How the host is called by a guest of QEMU's user-mode network. */
const HOST_SEEN_FROM_GUEST = "10.0.2.2";

/** The first address of the service network, which a pod is told as KUBERNETES_SERVICE_HOST. */
const SERVICE_ADDRESS = "10.96.0.1";

/** Those that a DaemonSet, its ServiceAccount, its namespace and its owner references need. */
const CONTROLLERS = [
  "daemonset-controller",
  "garbage-collector-controller",
  "job-controller",
  "namespace-controller",
  "root-ca-certificate-publisher-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
];

/** How long all of it may take to start, in milliseconds. */
const START_TIMEOUT_MS = 90_000;

/** How long a program may take to end after SIGTERM; the API server would take a minute. */
const STOP_TIMEOUT_MS = 2_000;

/**
 * A real control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler on free ports,
 * with its state in a temporary directory. All is gone when it is disposed. There is no kubelet: a Node
 * is an object that somebody applies, and its pods stay Pending.
 *
 * The programs are looked for in the directory `KUBEBUILDER_ASSETS`, then on PATH.
 *
 * @example
 * ```ts
 * await using controlPlane = await ControlPlane.start();
 * await controlPlane.apply(yaml);
 * await controlPlane.helm(4, ["install", "agent", "chart"]);
 * ```
 */
export class ControlPlane implements AsyncDisposable {
  /** For files that belong to it; removed with it. */
  readonly directory: string;
  /** `https://ADDRESS:PORT` of the API server. */
  readonly server: string;
  /** Port of the API server. */
  readonly port: number;
  /** Path of the certificate of the authority that signed the API server's. */
  readonly certificateAuthority: string;
  /** Bearer token of an administrator (group system:masters); good for a kubelet, too. */
  readonly token: string;
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of the same one for programs in a guest of QEMU's user-mode network, such as a kubelet. */
  readonly guestKubeconfig: string;
  /** The API, asked as the administrator. */
  readonly api: KubernetesApi;

  readonly #daemons: Daemon[] = [];

  private constructor(directory: string, bindAddress: string, port: number, authority: string) {
    this.directory = directory;
    this.port = port;
    const host = bindAddress === "0.0.0.0" ? "127.0.0.1" : bindAddress;
    this.server = `https://${host}:${port}`;
    this.certificateAuthority = `${directory}/ca.crt`;
    this.token = crypto.randomUUID();
    this.kubeconfig = `${directory}/kubeconfig`;
    this.guestKubeconfig = `${directory}/guest-kubeconfig`;
    this.api = new KubernetesApi(this.server, authority, this.token);
  }

  /**
   * Starts it and waits until it serves.
   *
   * @throws {Error} if a program is missing, ends, or does not serve within 90 seconds.
   */
  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const bindAddress = options.bindAddress ?? "127.0.0.1";
    const ports = freePorts(["etcd", "etcdPeer", "apiServer", "controllerManager", "scheduler"]);
    const authority = await createAuthority({ keyType: "ecdsa" });
    const controlPlane = new ControlPlane(
      await Deno.makeTempDir({ prefix: "control-plane-" }),
      bindAddress,
      options.port ?? ports.apiServer,
      authority.certificate,
    );
    try {
      const serving = await issueServer(authority, {
        ips: ["127.0.0.1", bindAddress, HOST_SEEN_FROM_GUEST, SERVICE_ADDRESS],
        dns: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
      });
      const accounts = await issueServer(authority, { commonName: "service accounts" });
      const kubeconfig = (server: string) =>
        kubeconfigText(server, authority.certificate, controlPlane.token);
      await controlPlane.#writeFiles({
        "ca.crt": authority.certificate,
        "apiserver.crt": serving.certificate,
        "apiserver.key": serving.key,
        "accounts.key": accounts.key,
        "egress.json": JSON.stringify(egressSelection(options.kubeletProxy)),
        "tokens.csv": `${controlPlane.token},admin,admin,"system:masters"\n`,
        "kubeconfig": kubeconfig(controlPlane.server),
        "guest-kubeconfig": kubeconfig(
          `https://${HOST_SEEN_FROM_GUEST}:${controlPlane.port}`,
        ),
      });
      // The API server asks for etcd until it is there; the two others give up after a while.
      await controlPlane.#startEtcd(ports.etcd, ports.etcdPeer);
      await controlPlane.#startApiServer(ports.etcd, bindAddress);
      await controlPlane.#started("the API server", () => controlPlane.api.isReady());
      await controlPlane.#startFollower("kube-controller-manager", ports.controllerManager, [
        "--use-service-account-credentials",
        `--controllers=${CONTROLLERS.join(",")}`,
        `--service-account-private-key-file=${controlPlane.directory}/accounts.key`,
        `--root-ca-file=${controlPlane.certificateAuthority}`,
      ]);
      await controlPlane.#startFollower("kube-scheduler", ports.scheduler, []);
      await Promise.all([
        // Without these two no pod is let in.
        controlPlane.#hasDefault("serviceaccounts/default"),
        controlPlane.#hasDefault("configmaps/kube-root-ca.crt"),
        controlPlane.#started("the scheduler", () => listens(ports.scheduler)),
      ]);
      return controlPlane;
    } catch (error) {
      await controlPlane[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Runs kubectl as the administrator, however it ends.
   *
   * @throws {Error} if it does not end within two minutes.
   */
  async tryKubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
    const program = await findControlPlaneProgram("kubectl");
    return await runCommand(program, args, { env: this.#environment(), stdin });
  }

  /**
   * Runs kubectl as the administrator.
   *
   * @throws {Error} with its complaint, if it fails.
   */
  async kubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
    return succeeded(`kubectl ${args.join(" ")}`, await this.tryKubectl(args, stdin));
  }

  /**
   * `kubectl apply` of manifests, on the server's side.
   *
   * @throws {Error} with the complaint, if an object is refused.
   */
  async apply(yaml: string): Promise<CommandResult> {
    return await this.kubectl(["apply", "--server-side", "--filename=-"], yaml);
  }

  /**
   * Runs Helm as the administrator, however it ends: HELM3 or HELM4 of the environment, else the one on
   * PATH.
   *
   * @throws {Error} if it does not end within two minutes.
   */
  async tryHelm(
    version: HelmVersion,
    args: readonly string[],
    stdin?: string,
  ): Promise<CommandResult> {
    const program = Deno.env.get(`HELM${version}`) ?? await findProgram(`helm${version}`, "helm");
    return await runCommand(program, args, { env: this.#environment(), stdin });
  }

  /**
   * Runs Helm as the administrator.
   *
   * @throws {Error} with its complaint, if it fails.
   */
  async helm(version: HelmVersion, args: readonly string[]): Promise<CommandResult> {
    return succeeded(`helm${version} ${args.join(" ")}`, await this.tryHelm(version, args));
  }

  /** Ends it, what was started last first, and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.api[Symbol.dispose]();
    await Promise.all(this.#daemons.map((daemon) => daemon.stop(STOP_TIMEOUT_MS)));
    await Deno.remove(this.directory, { recursive: true });
  }

  async #startEtcd(port: number, peerPort: number): Promise<void> {
    const client = `http://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    await this.#startDaemon("etcd", [
      `--data-dir=${this.directory}/etcd`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync",
      "--log-level=error",
    ]);
  }

  async #startApiServer(etcdPort: number, bindAddress: string): Promise<void> {
    await this.#startDaemon("kube-apiserver", [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      `--bind-address=${bindAddress}`,
      `--secure-port=${this.port}`,
      `--tls-cert-file=${this.directory}/apiserver.crt`,
      `--tls-private-key-file=${this.directory}/apiserver.key`,
      `--token-auth-file=${this.directory}/tokens.csv`,
      `--egress-selector-config-file=${this.directory}/egress.json`,
      `--service-account-key-file=${this.directory}/accounts.key`,
      `--service-account-signing-key-file=${this.directory}/accounts.key`,
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-cluster-ip-range=10.96.0.0/24",
      "--authorization-mode=Node,RBAC",
      "--allow-privileged",
      "--enable-priority-and-fairness=false",
      // A loopback address must not be advertised, and nobody asks for the one that is.
      `--advertise-address=${HOST_SEEN_FROM_GUEST}`,
      "--endpoint-reconciler-type=none",
    ]);
  }

  async #startFollower(name: string, port: number, args: readonly string[]): Promise<void> {
    await this.#startDaemon(name, [
      `--kubeconfig=${this.kubeconfig}`,
      `--authentication-kubeconfig=${this.kubeconfig}`,
      `--authorization-kubeconfig=${this.kubeconfig}`,
      `--cert-dir=${this.directory}/${name}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      "--leader-elect=false",
      ...args,
    ]);
  }

  async #startDaemon(name: string, args: readonly string[]): Promise<void> {
    const program = await findControlPlaneProgram(name);
    this.#daemons.push(new Daemon(program, args, `${this.directory}/${name}.log`));
  }

  async #hasDefault(path: string): Promise<void> {
    await this.#started(path, async () => {
      return await this.api.get(`/api/v1/namespaces/default/${path}`) !== undefined;
    });
  }

  /** Waits for one of its parts, as long as all its programs run. */
  async #started(what: string, look: () => Promise<boolean>): Promise<void> {
    const logs = () => this.#daemons.map((daemon) => daemon.lastLines()).join("\n");
    await until(() => `${what} serves:\n${logs()}`, async () => {
      for (const daemon of this.#daemons) daemon.checkAlive();
      return await look() || undefined;
    }, START_TIMEOUT_MS);
  }

  async #writeFiles(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${this.directory}/${name}`, text, { mode: 0o600 });
    }
  }

  /** Helm and kubectl neither see nor change what belongs to the user who runs the tests. */
  #environment(): Record<string, string> {
    return {
      HOME: this.directory,
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: `${this.directory}/kube-cache`,
      HELM_CACHE_HOME: `${this.directory}/helm/cache`,
      HELM_CONFIG_HOME: `${this.directory}/helm/config`,
      HELM_DATA_HOME: `${this.directory}/helm/data`,
      HELM_NAMESPACE: "default",
      // What pods of a real cluster, and proxies, would tell it.
      KUBERNETES_SERVICE_HOST: "",
      HTTPS_PROXY: "",
      https_proxy: "",
    };
  }
}

/**
 * Where a program of the control plane is: in the directory `KUBEBUILDER_ASSETS`, else on PATH.
 *
 * @throws {Error} if it is not installed; says how to get it.
 */
export async function findControlPlaneProgram(name: string): Promise<string> {
  const assets = `${Deno.env.get("KUBEBUILDER_ASSETS") ?? ""}/${name}`;
  return await isFile(assets) ? assets : await findProgram(name, "control-plane");
}

/** A port for each name. All are held until the last is found, so that they differ. */
function freePorts<Name extends string>(names: readonly Name[]): Record<Name, number> {
  const listeners = names.map((name) => ({ name, listener: Deno.listen({ port: 0 }) }));
  const ports = listeners.map(({ name, listener }) => [name, listener.addr.port] as const);
  for (const { listener } of listeners) listener.close();
  return Object.fromEntries(ports) as Record<Name, number>;
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/** Which way the API server goes to nodes, pods and services. */
function egressSelection(proxy: string | undefined) {
  const connection = proxy === undefined
    ? { proxyProtocol: "Direct" }
    : { proxyProtocol: "HTTPConnect", transport: { uds: { udsName: proxy } } };
  return {
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [{ name: "cluster", connection }],
  };
}

function kubeconfigText(server: string, certificateAuthority: string, token: string): string {
  // JSON is YAML, too.
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "admin",
    contexts: [{ name: "admin", context: { cluster: "test", user: "admin" } }],
    clusters: [{
      name: "test",
      cluster: { server, "certificate-authority-data": btoa(certificateAuthority) },
    }],
    users: [{ name: "admin", user: { token } }],
  });
}
