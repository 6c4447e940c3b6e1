import { messageOf } from "../fault.ts";
import { InClusterApi, SERVICE_ACCOUNT_DIRECTORY } from "./in_cluster_api.ts";
import type { ActivityFeed } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import { type NodeNotice, NodeNotices, type NodeNoticesOptions } from "./node_notices.ts";

/** What the pod's environment says. */
export interface PodEnvironment {
  /** NODE_NAME: the Node that the events are about. */
  readonly nodeName: string;
  /** POD_NAME and POD_NAMESPACE: the pod that reports; undefined when they are not known. */
  readonly pod: { readonly name: string; readonly namespace: string } | undefined;
}

/** What `KubernetesEvents` needs. */
export interface KubernetesEventsOptions extends PodEnvironment {
  readonly api: InClusterApi;
  readonly log: Log;
  /** How long the API server may take, in milliseconds. Default: 5 s. */
  readonly timeoutMs?: number;
}

/** How many events wait for one that is under way. */
const QUEUE_LIMIT = 32;

/** How long what waits may take when the agent stops, in milliseconds. */
const LAST_EVENTS_MS = 1_000;

/** An Event about an object without namespace lies here. */
const EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events";

/** The API server's limit for an Event's note. */
const NOTE_BYTES = 1_024;

const CONTROLLER = "qemu-guest-agent-talos";

/**
 * Sends notices as Events of events.k8s.io/v1 on the Node, one after the other. Best effort: each has one
 * try and a time limit, few wait, and what does not get through is dropped. The first of several that
 * fail in a row is logged.
 */
export class KubernetesEvents implements AsyncDisposable {
  readonly #options: KubernetesEventsOptions;
  readonly #stopping = new AbortController();
  readonly #queue: unknown[] = [];
  #sending: Promise<void> | undefined;
  #failing = false;

  constructor(options: KubernetesEventsOptions) {
    this.#options = options;
  }

  /** Sends a notice when its turn comes; returns at once. */
  readonly send = (notice: NodeNotice): void => {
    if (this.#stopping.signal.aborted || this.#queue.length >= QUEUE_LIMIT) return;
    // Now, so that its time is that of what happened.
    this.#queue.push(eventOf(notice, this.#options, new Date()));
    this.#sending ??= this.#sendAll().finally(() => this.#sending = undefined);
  };

  /** Waits for what is under way, at most a second, and drops the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#stopping.abort(), LAST_EVENTS_MS);
    await this.#sending;
    clearTimeout(timer);
    this.#stopping.abort();
  }

  async #sendAll(): Promise<void> {
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
      if (this.#stopping.signal.aborted) return;
      await this.#sendOne(event);
    }
  }

  async #sendOne(event: unknown): Promise<void> {
    const { api, log, timeoutMs = 5_000 } = this.#options;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    try {
      await api.create(EVENTS, event, AbortSignal.any([limit.signal, this.#stopping.signal]));
      this.#failing = false;
    } catch (error) {
      if (this.#failing || this.#stopping.signal.aborted) return;
      this.#failing = true;
      const reason = messageOf(error);
      log.warn("a Kubernetes event was lost, and others may be", { reason });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The Event as the API server takes it. */
function eventOf(notice: NodeNotice, { nodeName, pod }: PodEnvironment, time: Date): unknown {
  const { type, reason, action, note } = notice;
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { generateName: `${nodeName}-`, namespace: "default" },
    // Microseconds: it is a metav1.MicroTime.
    eventTime: time.toISOString().replace("Z", "000Z"),
    type,
    reason,
    action,
    note: shorten(note),
    // The name for the UID, as in kubelet's events: `kubectl describe node` looks for it, and nobody needs
    // the right to read Nodes.
    regarding: { apiVersion: "v1", kind: "Node", name: nodeName, uid: nodeName },
    ...(pod === undefined ? {} : { related: { apiVersion: "v1", kind: "Pod", ...pod } }),
    reportingController: CONTROLLER,
    reportingInstance: (pod?.name ?? nodeName).slice(0, 128),
  };
}

function shorten(note: string): string {
  const { read } = new TextEncoder().encodeInto(note, new Uint8Array(NOTE_BYTES));
  return note.slice(0, read);
}

/** What `startKubernetesEvents` needs. */
export interface StartOptions {
  readonly feed: ActivityFeed;
  readonly log: Log;
  /** An environment variable's value. */
  readonly environment: (name: string) => string | undefined;
  /** Where the ServiceAccount's files are; for tests. */
  readonly directory?: string;
  /** See `NodeNoticesOptions`; for tests. */
  readonly notices?: Omit<NodeNoticesOptions, "send">;
}

/**
 * Sends Kubernetes events of what happens from now on, and of what happened at the start. Outside of a
 * pod, or without NODE_NAME, there is nothing to send to: that is logged, and the agent continues.
 */
export function startKubernetesEvents(options: StartOptions): AsyncDisposable {
  const { feed, log, environment } = options;
  const host = environment("KUBERNETES_SERVICE_HOST");
  const nodeName = environment("NODE_NAME");
  if (!host || !nodeName) {
    log.warn("no Kubernetes events are sent", {
      reason: host
        ? "the environment variable NODE_NAME is missing; set it to spec.nodeName"
        : "the environment variable KUBERNETES_SERVICE_HOST is missing: this is not a pod",
    });
    return new AsyncDisposableStack();
  }
  const name = environment("POD_NAME");
  const namespace = environment("POD_NAMESPACE");
  const port = environment("KUBERNETES_SERVICE_PORT") ?? "443";
  const directory = options.directory ?? SERVICE_ACCOUNT_DIRECTORY;
  const stack = new AsyncDisposableStack();
  const events = stack.use(
    new KubernetesEvents({
      api: new InClusterApi({ host, port, directory }),
      log,
      nodeName,
      pod: name && namespace ? { name, namespace } : undefined,
    }),
  );
  const notices = stack.use(new NodeNotices({ ...options.notices, send: events.send }));
  stack.use(feed.subscribe(notices.take));
  return stack;
}
