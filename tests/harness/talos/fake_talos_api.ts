/**
 * A Talos API that is none: it answers Shutdown, Reboot, Hostname, Version and Events over gRPC and
 * mutual TLS as apid does, or at a socket as machined does, powers nothing off, and does wrong what
 * it is told to. A shutdown drains, as its events tell, until it has or another takes over. A
 * program of its own, because only Deno 2.9 and later can serve HTTP/2 that asks for client
 * certificates.
 *
 *     deno-newest run -A tests/harness/talos/fake_talos_api.ts '<FakeTalosApiConfig as JSON>'
 *
 * It prints a JSON line (`FakeTalosApiLine`) when it is ready, for each call, and for each
 * `FaultScript` that it reads from standard input, one JSON object a line. It ends when standard
 * input ends.
 */

import http2 from "node:http2";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { readCertificateDer } from "../../../agent/talos/credentials/certificate.ts";
import {
  Event,
  EventsRequest,
  HostnameResponse,
  PhaseEvent,
  PhaseEvent_Action,
  RebootRequest,
  RebootResponse,
  ShutdownRequest,
  ShutdownResponse,
  VersionResponse,
} from "../../../agent/talos/generated/machine.ts";
import type {
  FakeTalosApiConfig,
  FakeTalosApiLine,
  FaultScript,
} from "./fake_talos_api_messages.ts";

interface Method {
  readonly roles: readonly string[];
  request(bytes: Uint8Array): Record<string, unknown>;
  answer(metadata: Metadata | undefined, request: Record<string, unknown>): Uint8Array;
  /** Whether the answer is only the first message of a stream. */
  readonly isStream?: boolean;
}

interface Metadata {
  hostname: string;
  error: string;
  status: { code: number; message: string } | undefined;
}

const OPERATORS = ["os:admin", "os:operator"];
const READERS = [...OPERATORS, "os:reader"];

/** The steps of shutdowns, as Talos tells them. */
class Sequences {
  readonly #drainMs: number | undefined;
  readonly #events: Event[] = [];
  readonly #streams = new Map<http2.ServerHttp2Stream, string>();
  #draining: string | undefined;

  constructor(drainMs: number | undefined) {
    this.#drainMs = drainMs;
  }

  /** Begins a shutdown, which takes over from one that is draining; gives its actor id. */
  shutDown(force: boolean): string {
    if (this.#draining !== undefined) this.#publish(this.#draining, "drain", "STOP");
    this.#draining = undefined;
    const actorId = crypto.randomUUID();
    this.#publish(actorId, "storeShutdown", "START");
    this.#publish(actorId, "storeShutdown", "STOP");
    if (force) {
      this.#publish(actorId, "cleanup", "START");
      return actorId;
    }
    this.#draining = actorId;
    this.#publish(actorId, "drain", "START");
    if (this.#drainMs !== undefined) {
      setTimeout(() => {
        if (this.#draining !== actorId) return;
        this.#draining = undefined;
        this.#publish(actorId, "drain", "STOP");
        this.#publish(actorId, "cleanup", "START");
      }, this.#drainMs);
    }
    return actorId;
  }

  /** Sends the events of an action, those of the past first, until the stream is closed. */
  follow(actorId: string, stream: http2.ServerHttp2Stream): void {
    for (const event of this.#events) {
      if (event.actorId === actorId) stream.write(frame(Event.encode(event).finish()));
    }
    this.#streams.set(stream, actorId);
    stream.on("close", () => this.#streams.delete(stream));
  }

  #publish(actorId: string, phase: string, action: keyof typeof PhaseEvent_Action): void {
    const value = PhaseEvent.encode({ phase, action: PhaseEvent_Action[action] }).finish();
    const data = { typeUrl: "talos/runtime/machine.PhaseEvent", value };
    const event: Event = { metadata: undefined, data, id: "", actorId };
    this.#events.push(event);
    for (const [stream, followed] of this.#streams) {
      if (followed === actorId) stream.write(frame(Event.encode(event).finish()));
    }
  }
}

function methods(
  config: FakeTalosApiConfig,
  sequences: Sequences,
): Readonly<Record<string, Method>> {
  const actorId = () => crypto.randomUUID();
  return {
    Shutdown: {
      roles: OPERATORS,
      request: (bytes) => ({ ...ShutdownRequest.decode(bytes) }),
      answer: (metadata, { force }) => {
        const messages = [{ metadata, actorId: sequences.shutDown(force === true) }];
        return ShutdownResponse.encode({ messages }).finish();
      },
    },
    Events: {
      roles: READERS,
      request: (bytes) => ({ ...EventsRequest.decode(bytes) }),
      answer: (metadata) =>
        Event.encode({ metadata, data: undefined, id: "", actorId: "" }).finish(),
      isStream: true,
    },
    Reboot: {
      roles: OPERATORS,
      request: (bytes) => ({ ...RebootRequest.decode(bytes) }),
      answer: (metadata) =>
        RebootResponse.encode({ messages: [{ metadata, actorId: actorId() }] }).finish(),
    },
    Hostname: {
      roles: READERS,
      request: () => ({}),
      answer: (metadata) =>
        HostnameResponse.encode({ messages: [{ metadata, hostname: config.hostname }] }).finish(),
    },
    Version: {
      roles: READERS,
      request: () => ({}),
      answer: (metadata) => {
        const version = { tag: "v1.13.0", sha: "", built: "", goVersion: "", os: "linux" };
        return VersionResponse.encode({
          messages: [{ metadata, version: { ...version, arch: "amd64" } }],
        }).finish();
      },
    },
  };
}

class FakeApi {
  readonly #config: FakeTalosApiConfig;
  readonly #print: (line: FakeTalosApiLine) => void;
  readonly #methods: Readonly<Record<string, Method>>;
  readonly #sequences: Sequences;
  /** A session does not let its own socket be touched. */
  readonly #sockets = new Map<http2.Http2Session, Socket>();
  #server: http2.Http2SecureServer | http2.Http2Server | undefined;
  #port = 0;
  #script: FaultScript = { fault: "none" };
  #left = 0;

  constructor(config: FakeTalosApiConfig, print: (line: FakeTalosApiLine) => void) {
    this.#config = config;
    this.#print = print;
    this.#sequences = new Sequences(config.drainMs);
    this.#methods = methods(config, this.#sequences);
  }

  /** Listens and gives the port. */
  async listen(certificate = this.#config.certificate, key = this.#config.key): Promise<number> {
    const { socket: path } = this.#config;
    const server = path !== undefined ? http2.createServer() : http2.createSecureServer({
      cert: certificate,
      key: key.replaceAll("ED25519 PRIVATE", "PRIVATE"),
      ca: this.#config.clientCa,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
    });
    let session: http2.ServerHttp2Session | undefined;
    server.on("session", (next) => session = next);
    server.on("sessionError", () => {});
    server.on(path === undefined ? "secureConnection" : "connection", (socket: Socket) => {
      // A client that goes away is what some tests are about.
      socket.on("error", () => {});
      // Its session has just been made.
      const itsSession = session;
      if (itsSession === undefined) return;
      this.#sockets.set(itsSession, socket);
      socket.on("close", () => this.#sockets.delete(itsSession));
      // A client says goodbye before it closes the connection. Deno's answer to that, a goodbye of its
      // own, ends the whole process now and then, by an assertion in its HTTP/2 library.
      itsSession.close = () => void socket.destroy();
    });
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("end", () => this.#answer(stream, headers, Buffer.concat(chunks)));
    });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.on("error", reject);
    if (path !== undefined) server.listen(path, () => resolve(0));
    else {server.listen(this.#port || this.#config.port, this.#config.host, () => {
        const address = server.address();
        if (address === null || typeof address === "string") return reject(new Error("no port"));
        resolve(address.port);
      });}
    this.#server = server;
    this.#port = await promise;
    return this.#port;
  }

  async setFault(script: FaultScript): Promise<void> {
    if (script.fault === "certificate") {
      await this.#close();
      await this.listen(script.certificate, script.key);
    } else {
      this.#script = script;
      this.#left = script.times ?? Infinity;
    }
    this.#print({ event: "fault" });
  }

  async #close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets.values()) socket.destroy();
    await closed;
  }

  #nextFault(method: string): FaultScript {
    const script = this.#script;
    if ((script.method ?? method) !== method) return { fault: "none" };
    // A client's connection begins with the one and a drain is followed by the other; what is
    // scripted is meant for what acts.
    if (script.method === undefined && ["Version", "Events"].includes(method)) {
      return { fault: "none" };
    }
    if (this.#left <= 0) return { fault: "none" };
    this.#left--;
    return script;
  }

  #answer(
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    body: Uint8Array,
  ): void {
    const [, service, name = ""] = String(headers[":path"]).split("/");
    const method = service === "machine.MachineService" ? this.#methods[name] : undefined;
    const session = stream.session;
    const socket = session?.socket;
    if (session === undefined || socket === undefined) return;
    if (method === undefined) return trailersOnly(stream, 12, `unknown method ${name}`);

    const roles = this.#config.socket === undefined
      ? rolesOfCertificate(socket as unknown as TLSSocket)
      : [headers["talos-role"] ?? []].flat();
    const allowed = roles.some((role) => method.roles.includes(role));
    const request = method.request(body.subarray(5));
    const time = new Date().toISOString();
    this.#print({ event: "call", method: name, request, time, roles, allowed });
    if (!allowed) return trailersOnly(stream, 7, "not authorized");

    // Not the others: a call that is made meanwhile is not what the fault is scripted for.
    const cut = () => void this.#sockets.get(session)?.destroy();
    const fault = this.#nextFault(name);
    switch (fault.fault) {
      case "never":
        return;
      case "slow":
        setTimeout(() => succeed(stream, frame(method.answer(undefined, request))), fault.ms);
        return;
      case "status":
        if (fault.inTrailers !== true) {
          return trailersOnly(stream, fault.code, fault.message ?? "");
        }
        return succeed(stream, new Uint8Array(), fault.code, fault.message);
      case "cut": {
        if (fault.after === "request") return cut();
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        const whole = frame(method.answer(undefined, request));
        if (fault.after === "half") stream.write(whole.subarray(0, 9));
        setTimeout(cut, 50);
        return;
      }
      case "goaway":
        session.goaway(fault.code);
        setTimeout(cut, 50);
        return;
      case "reset":
        return stream.close(fault.code);
      case "html":
        stream.respond({ ":status": fault.status, "content-type": "text/html" });
        return void stream.end("<html><body>This is a web server.</body></html>");
      case "body":
        return succeed(stream, Uint8Array.fromHex(fault.hex));
      case "metadata": {
        const status = fault.code === undefined
          ? undefined
          : { code: fault.code, message: fault.error };
        const error = status === undefined ? fault.error : "";
        return succeed(stream, frame(method.answer({ hostname: "node", error, status }, request)));
      }
      default: {
        const answer = frame(method.answer(undefined, request));
        if (method.isStream !== true) return succeed(stream, answer);
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(answer);
        return this.#sequences.follow(String(request["withActorId"]), stream);
      }
    }
  }
}

/** `rejectUnauthorized` has made sure that there is a certificate. */
function rolesOfCertificate(socket: TLSSocket): readonly string[] {
  return readCertificateDer(new Uint8Array(socket.getPeerCertificate(true).raw)).organizations;
}

/** A gRPC message with its prefix: one byte "compressed", four bytes length. */
function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

function succeed(
  stream: http2.ServerHttp2Stream,
  body: Uint8Array,
  code = 0,
  message = "",
): void {
  if (stream.destroyed) return;
  stream.respond(
    { ":status": 200, "content-type": "application/grpc" },
    { waitForTrailers: true },
  );
  stream.on("wantTrailers", () => {
    stream.sendTrailers({ "grpc-status": String(code), "grpc-message": percentEncode(message) });
  });
  stream.end(body);
}

function trailersOnly(stream: http2.ServerHttp2Stream, code: number, message: string): void {
  stream.respond({
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(code),
    "grpc-message": percentEncode(message),
  }, { endStream: true });
}

/** As gRPC writes a message: printable ASCII except `%` stays, all else is percent-encoded. */
function percentEncode(message: string): string {
  return [...new TextEncoder().encode(message)].map((byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  ).join("");
}

if (import.meta.main) {
  const config: FakeTalosApiConfig = JSON.parse(Deno.args[0] ?? "{}");
  const print = (line: FakeTalosApiLine): void => console.log(JSON.stringify(line));
  const api = new FakeApi(config, print);
  print({ event: "ready", port: await api.listen() });
  let text = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const script: FaultScript = JSON.parse(line);
      await api.setFault(script);
    }
  }
  Deno.exit(0);
}
