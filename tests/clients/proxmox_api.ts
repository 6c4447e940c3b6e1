import { parseExactJson, stringifyExactJson } from "../harness/exact_json.ts";
import { type HttpAnswer, type HttpRequest, HttpServer } from "./http_server.ts";
import {
  agentCommand,
  agentResult,
  exec,
  execStatus,
  fileRead,
  fileWrite,
  wrapped,
} from "./proxmox_agent_api.ts";
import { ProxmoxClient } from "./proxmox_client.ts";

/** The parameters of a request, of its query or of its body. */
type Parameters = Readonly<Record<string, unknown>>;

/** The commands that the API passes on as they are, without `guest-`, and the method of each. */
const PASSED_ON: Readonly<Record<string, string>> = {
  "fsfreeze-freeze": "POST",
  "fsfreeze-status": "POST",
  "fsfreeze-thaw": "POST",
  fstrim: "POST",
  "get-fsinfo": "GET",
  "get-host-name": "GET",
  "get-memory-block-info": "GET",
  "get-memory-blocks": "GET",
  "get-osinfo": "GET",
  "get-time": "GET",
  "get-timezone": "GET",
  "get-users": "GET",
  "get-vcpus": "GET",
  info: "GET",
  "network-get-interfaces": "GET",
  ping: "POST",
  shutdown: "POST",
  "suspend-disk": "POST",
  "suspend-hybrid": "POST",
  "suspend-ram": "POST",
};

/** Those with parameters. */
const OTHERS = ["exec", "exec-status", "file-read", "file-write", "set-user-password"];

/** Names of what the API has: one node with one virtual machine, and one token that may do everything. */
export const NODE = "pve";
/** The virtual machine's number. */
export const VMID = 100;
/** The token's name. */
export const TOKEN = "root@pam!tests";
/** The token's secret. */
export const SECRET = "8e2f1c4e-0000-4000-8000-000000000000";

/** A request that is refused with another status than 500. */
class RefusedError extends Error {
  override readonly name = "RefusedError";

  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/**
 * The part of Proxmox VE's HTTP API that a client of the guest agent needs (its PVE/API2/Qemu/Agent.pm): of the
 * node and of the virtual machine it tells what such a client must know, and the agent's commands go to the agent
 * as Proxmox VE sends them. Plain HTTP.
 */
export class ProxmoxApi implements AsyncDisposable {
  /** The agent's socket; undefined while no agent runs. */
  agentSocket: string | undefined;
  /** The paths of the requests so far. */
  readonly requests: string[] = [];
  readonly #server: HttpServer;

  private constructor() {
    this.#server = HttpServer.start((request) => this.#answer(request));
  }

  /** Starts it before this agent's socket. */
  static start(agentSocket?: string): ProxmoxApi {
    const api = new ProxmoxApi();
    api.agentSocket = agentSocket;
    return api;
  }

  /** Where it is, as clients want it. */
  get url(): string {
    return `${this.#server.origin}/api2/json`;
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #answer(request: HttpRequest): Promise<HttpAnswer> {
    this.requests.push(request.url.pathname);
    try {
      const data = await this.#handle(request);
      return { status: 200, reason: "OK", body: stringifyExactJson({ data }) };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const status = error instanceof RefusedError ? error.status : 500;
      const [reason = ""] = error.message.split("\n");
      return { status, reason, body: JSON.stringify({ data: null, message: error.message }) };
    }
  }

  async #handle({ method, url, headers, body }: HttpRequest): Promise<unknown> {
    if (headers.get("authorization") !== `PVEAPIToken=${TOKEN}=${SECRET}`) {
      throw new RefusedError(401, "invalid token value!");
    }
    const path = url.pathname.replace("/api2/json/", "");
    const machine = `nodes/${NODE}/qemu/${VMID}`;
    switch (`${method} ${path}`) {
      case `GET nodes/${NODE}/status`:
        return { pveversion: "pve-manager/9.1.1", uptime: 1 };
      case `GET ${machine}/config`:
        return { name: "talos", agent: "1", digest: "0" };
      case `GET ${machine}/status/current`:
        return { vmid: VMID, name: "talos", status: "running", qmpstatus: "running", agent: 1 };
      case `GET ${machine}/agent`:
        return [...Object.keys(PASSED_ON), ...OTHERS].sort().map((name) => ({ name }));
    }
    // Parameters are an object: the API has no others.
    const parameters =
      (body === "" ? Object.fromEntries(url.searchParams) : parseExactJson(body)) as Parameters;
    const prefix = `${machine}/agent`;
    if (method === "POST" && path === prefix) {
      return await this.#passOn(text(parameters, "command"));
    }
    const command = path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : "";
    if (PASSED_ON[command] === method) return await this.#passOn(command);
    switch (`${method} ${command}`) {
      case "POST exec":
        return await exec(await this.#agent(), words(parameters, "command"), input(parameters));
      case "GET exec-status":
        return await execStatus(await this.#agent(), Number(text(parameters, "pid")));
      case "GET file-read":
        return await this.#fileRead(text(parameters, "file"));
      case "POST file-write":
        return await this.#fileWrite(parameters);
      case "POST set-user-password":
        return await this.#setUserPassword(parameters);
    }
    throw new RefusedError(501, `Method '${method} /${path}' not implemented`);
  }

  /**
   * The agent, which must answer a ping.
   *
   * @throws {Error} in Proxmox VE's words.
   */
  async #agent(): Promise<ProxmoxClient> {
    const notRunning = "QEMU guest agent is not running";
    if (this.agentSocket === undefined) throw new Error(notRunning);
    const proxmox = new ProxmoxClient(this.agentSocket);
    try {
      await proxmox.command("guest-ping");
    } catch (error) {
      throw new Error(notRunning, { cause: error });
    }
    return proxmox;
  }

  /** An agent's error is no error of the API here: it is the result. */
  async #passOn(command: string): Promise<unknown> {
    if (!(command in PASSED_ON)) throw new RefusedError(400, "Parameter verification failed.");
    return { result: await agentResult(await this.#agent(), `guest-${command}`) };
  }

  async #fileRead(file: string): Promise<unknown> {
    const { content, truncated } = await fileRead(await this.#agent(), file);
    let characters = "";
    for (const byte of content) characters += String.fromCharCode(byte);
    return {
      content: characters,
      "bytes-read": content.length,
      ...(truncated ? { truncated: 1 } : {}),
    };
  }

  async #fileWrite(parameters: Parameters): Promise<null> {
    const content = text(parameters, "content");
    const base64 = Number(parameters["encode"] ?? 1) === 1 ? wrapped(content) : content;
    await fileWrite(await this.#agent(), text(parameters, "file"), base64);
    return null;
  }

  async #setUserPassword(parameters: Parameters): Promise<unknown> {
    const args = {
      username: text(parameters, "username"),
      password: wrapped(text(parameters, "password")),
      crypted: Number(parameters["crypted"] ?? 0) === 1,
    };
    const what = "cannot set user password";
    return {
      result: await agentCommand(await this.#agent(), "guest-set-user-password", args, what),
    };
  }
}

function text(parameters: Parameters, name: string): string {
  const value = parameters[name];
  if (typeof value === "string") return value;
  throw new RefusedError(400, "Parameter verification failed.");
}

function words(parameters: Parameters, name: string): string[] {
  const value = parameters[name];
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new RefusedError(400, "Parameter verification failed.");
}

function input(parameters: Parameters): string | undefined {
  return "input-data" in parameters ? text(parameters, "input-data") : undefined;
}
