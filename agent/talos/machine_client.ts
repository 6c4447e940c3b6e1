import type { Publish } from "../activity/activity.ts";
import { trustOnly } from "./grpc/trusted_authorities.ts";
import type { Credentials } from "./credentials/credentials.ts";
import { Deadline } from "./grpc/deadline.ts";
import { type Endpoint, formatEndpoint } from "./endpoint.ts";
import type { Metadata } from "./generated/machine.ts";
import { grpcCode } from "./grpc/status.ts";
import { TalosError } from "./talos_error.ts";
import { probeHandshake } from "./grpc/tls_handshake.ts";
import type { GrpcCall, GrpcServer } from "./grpc/call.ts";
import { serverStream } from "./grpc/server_stream.ts";
import { unaryCall } from "./grpc/unary_call.ts";

/** Talos' `machine.RebootRequest.Mode`. */
export type RebootMode = "default" | "powercycle" | "force";

/** What Talos says when it has accepted a power action, which it has not carried out yet. */
export interface Accepted {
  /** Marks the events of this action; undefined when Talos gave none. */
  readonly actorId: string | undefined;
}

/** That a step of an action has begun or ended, by `machine.PhaseEvent`. */
export interface PhaseChange {
  /** Talos' name of the step, such as `drain`. */
  readonly phase: string;
  /** Whether it has ended, well or not. */
  readonly isOver: boolean;
}

/** Limits of a `MachineClient`. */
export interface MachineClientOptions {
  /** For connecting, and for each call, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives up whatever is under way when it is aborted. */
  readonly signal: AbortSignal;
  readonly publish: Publish;
}

/** Limits of a `MachineClient` that goes over the network. */
export interface NetworkClientOptions extends MachineClientOptions {
  /** Sets TCP_NODELAY on the connections of this process; see `host/tcp_no_delay.ts`. */
  readonly setTcpNoDelay: () => void;
}

/** The role that is claimed at machined's socket: the least that may shut down and reboot. */
export const SOCKET_ROLE = "os:operator";

/** The methods here that change nothing. */
const READ_METHODS = ["Hostname", "Version", "Events"];

/** How long the steps of an action are followed at most, in milliseconds. */
const FOLLOW_MS = 10 * 60_000;

/** Marks an event of which the agent can make something. */
const PHASE_EVENT = "talos/runtime/machine.PhaseEvent";

/** How long the server may take to answer the first call, in milliseconds. */
const FIRST_ANSWER_MS = 1000;

/** How often a connection that is being made is told not to hold data back, in milliseconds. */
const NO_DELAY_MS = 1;

/**
 * Talos' `machine.MachineService` at one endpoint, over one connection that is made at the first
 * call. Calls carry no `node` metadata: the node that is dialled is the one that acts.
 */
export class MachineClient implements Disposable {
  readonly #server: GrpcServer;
  readonly #client: Deno.HttpClient;
  readonly #options: MachineClientOptions;

  private constructor(
    server: GrpcServer,
    client: Deno.HttpClient,
    options: MachineClientOptions,
  ) {
    this.#server = server;
    this.#client = client;
    this.#options = options;
  }

  /**
   * At the socket of machined itself, on this very node. There is no TLS: machined goes by the process that
   * calls, and takes the roles that it claims.
   */
  static atSocket(path: string, options: MachineClientOptions): MachineClient {
    const client = Deno.createHttpClient({
      proxy: { transport: "unix", path },
      http1: false,
      http2: true,
    });
    const metadata = { "talos-role": SOCKET_ROLE };
    return new MachineClient({ name: path, origin: "http://localhost", metadata }, client, options);
  }

  /**
   * Connects by a call of Version, so that what comes next goes out on a connection that works: in
   * TLS 1.3 a client certificate is rejected after the client's first request has left. Whatever
   * Version is answered will do. When it is not, `probeHandshake` finds out why, because `fetch`
   * loses the server's alert in half of the cases.
   *
   * @throws TalosError when the server is not reached, not trusted, or does not accept the client
   *   certificate; never with `mayHaveHappened`.
   */
  static async connect(
    endpoint: Endpoint,
    credentials: Credentials,
    options: NetworkClientOptions,
  ): Promise<MachineClient> {
    const name = formatEndpoint(endpoint);
    const client = new MachineClient(
      { name, origin: `https://${name}`, metadata: {} },
      Deno.createHttpClient({
        cert: credentials.certificate,
        key: credentials.key,
        caCerts: trustOnly(credentials.authorities),
        http1: false,
        http2: true,
      }),
      options,
    );
    try {
      if (await client.#answers(options.setTcpNoDelay)) return client;
      using deadline = new Deadline(options.timeoutMs, options.signal);
      await probeHandshake(endpoint, credentials, deadline);
      return client;
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * `machine.ShutdownRequest`: stops the node and powers it off; `force` skips the drain.
   *
   * @throws TalosError when Talos has not accepted it, or it is not known whether it has.
   */
  async shutdown(request: { readonly force: boolean }): Promise<Accepted> {
    const { ShutdownRequest, ShutdownResponse } = await messages();
    const reply = await this.#call("Shutdown", ShutdownRequest.encode({ ...request }).finish());
    return this.#accepted("Shutdown", () => ShutdownResponse.decode(reply).messages);
  }

  /**
   * `machine.RebootRequest`: stops the node and starts it again, without a drain.
   *
   * @throws TalosError when Talos has not accepted it, or it is not known whether it has.
   */
  async reboot(request: { readonly mode: RebootMode }): Promise<Accepted> {
    const { RebootRequest, RebootRequest_Mode, RebootResponse } = await messages();
    const mode = {
      default: RebootRequest_Mode.DEFAULT,
      powercycle: RebootRequest_Mode.POWERCYCLE,
      force: RebootRequest_Mode.FORCE,
    }[request.mode];
    const reply = await this.#call("Reboot", RebootRequest.encode({ mode }).finish());
    return this.#accepted("Reboot", () => RebootResponse.decode(reply).messages);
  }

  /**
   * The node's host name, by `Hostname` of google.protobuf.Empty.
   *
   * @throws TalosError when Talos does not tell it.
   */
  async hostname(): Promise<string> {
    const { HostnameResponse } = await messages();
    const reply = await this.#call("Hostname", new Uint8Array());
    const message = this.#first("Hostname", () => HostnameResponse.decode(reply).messages);
    return message.hostname;
  }

  /**
   * The version of Talos, such as `v1.13.0`, by `Version` of google.protobuf.Empty.
   *
   * @throws TalosError when Talos does not tell it.
   */
  async version(): Promise<string> {
    const { VersionResponse } = await messages();
    const reply = await this.#call("Version", new Uint8Array());
    const message = this.#first("Version", () => VersionResponse.decode(reply).messages);
    return message.version?.tag ?? "";
  }

  /**
   * Follows the steps of an action, from its first, by `Events`. It ends when Talos ends it, for up
   * to 10 minutes.
   *
   * @param actorId of the action, as Talos told when it accepted it.
   * @throws TalosError when Talos does not tell them, or the connection is lost.
   */
  async *phases(actorId: string): AsyncGenerator<PhaseChange> {
    const { Event, EventsRequest, PhaseEvent, PhaseEvent_Action } = await messages();
    const request = EventsRequest.encode({ tailEvents: -1, withActorId: actorId }).finish();
    using deadline = new Deadline(FOLLOW_MS, this.#options.signal);
    for await (const message of this.#stream("Events", request, deadline)) {
      const change = this.#decode("Events", () => {
        const { data } = Event.decode(message);
        return data?.typeUrl === PHASE_EVENT ? PhaseEvent.decode(data.value) : undefined;
      });
      if (change === undefined) continue;
      yield { phase: change.phase, isOver: change.action === PhaseEvent_Action.STOP };
    }
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** Whether the server answers, be it with an error. */
  async #answers(setTcpNoDelay: () => void): Promise<boolean> {
    const noDelay = setInterval(setTcpNoDelay, NO_DELAY_MS);
    try {
      await this.#call("Version", new Uint8Array(), FIRST_ANSWER_MS);
      return true;
    } catch (error) {
      if (!(error instanceof TalosError)) throw error;
      return error.failure === "status" || error.failure === "protocol";
    } finally {
      clearInterval(noDelay);
    }
  }

  async #call(
    method: string,
    request: Uint8Array,
    timeoutMs = this.#options.timeoutMs,
  ): Promise<Uint8Array> {
    using deadline = new Deadline(timeoutMs, this.#options.signal);
    const publish = this.#timing(method);
    try {
      const reply = await unaryCall(this.#client, this.#describe(method, request, deadline));
      publish("OK");
      return reply;
    } catch (error) {
      publish(codeOf(error));
      throw error;
    }
  }

  /** The call is done, as for what is published, when the first message comes. */
  async *#stream(
    method: string,
    request: Uint8Array,
    deadline: Deadline,
  ): AsyncGenerator<Uint8Array> {
    let publish: ((code: string) => void) | undefined = this.#timing(method);
    try {
      const call = this.#describe(method, request, deadline);
      for await (const message of serverStream(this.#client, call)) {
        publish?.("OK");
        publish = undefined;
        yield message;
      }
    } catch (error) {
      publish?.(codeOf(error));
      throw error;
    }
  }

  #describe(method: string, request: Uint8Array, deadline: Deadline): GrpcCall {
    return {
      server: this.#server,
      service: "machine.MachineService",
      method,
      request,
      readOnly: READ_METHODS.includes(method),
      deadline,
    };
  }

  /** Begins to measure a call; what it gives is to be told gRPC's name of how the call ended. */
  #timing(method: string): (code: string) => void {
    const started = performance.now();
    return (code) => {
      const seconds = (performance.now() - started) / 1000;
      this.#options.publish({ kind: "talos-call", method, code, seconds });
    };
  }

  #accepted(method: string, decode: () => { metadata: Metadata | undefined; actorId: string }[]) {
    const { actorId } = this.#first(method, decode);
    return { actorId: actorId === "" ? undefined : actorId };
  }

  /** The reply of the one node that was asked; replies come wrapped in a list of nodes. */
  #first<T extends { metadata: Metadata | undefined }>(method: string, decode: () => T[]): T {
    const [reply] = this.#decode(method, decode);
    if (reply === undefined) {
      const text = "the answer has no node's reply in it";
      throw this.#failure(method, "protocol", grpcCode("INTERNAL"), text);
    }
    const { status, error } = reply.metadata ?? { status: undefined, error: "" };
    if (status !== undefined && status.code !== 0) {
      throw this.#failure(method, "status", status.code, status.message);
    }
    if (error !== "") throw this.#failure(method, "status", grpcCode("UNKNOWN"), error);
    return reply;
  }

  #decode<T>(method: string, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      const text = "the answer's message cannot be decoded";
      throw this.#failure(method, "protocol", grpcCode("INTERNAL"), text, error);
    }
  }

  #failure(
    method: string,
    failure: "protocol" | "status",
    code: number,
    text: string,
    cause?: unknown,
  ): TalosError {
    return new TalosError({
      failure,
      code,
      endpoint: this.#server.name,
      method,
      text,
      mayHaveHappened: failure === "protocol" && !READ_METHODS.includes(method),
      cause,
    });
  }
}

/** gRPC's name of how a call failed. */
function codeOf(error: unknown): string {
  return error instanceof TalosError ? error.codeName : "UNKNOWN";
}

/** Loaded at the first call: nothing before needs the messages. */
async function messages(): Promise<typeof import("./generated/machine.ts")> {
  return await import("./generated/machine.ts");
}
