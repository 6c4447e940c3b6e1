import { FREEZE_OUTCOMES, PORT_STATES, POWER_OUTCOMES } from "../activity/activity.ts";
import { THAW_REASONS } from "../activity/thaw_reason.ts";
import { COMMAND_FAMILIES } from "../activity/command_family.ts";

/** What a label can be: these values, or those that a sentence tells. Never what a client sends. */
export type LabelValues = readonly string[] | string;

/** A metric, declared once: registration and docs/reference/metrics.md are made from it. */
export interface MetricDeclaration {
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence without a full stop. */
  readonly help: string;
  /** By name. A metric whose values are all listed starts with a series at 0 for each. */
  readonly labels?: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of a histogram, in seconds. */
  readonly buckets?: readonly number[];
  /** Served only once there is a value: 0 would be a lie. */
  readonly absentAtFirst?: true;
}

/** All metrics, by name, in the order in which they are served. */
export const METRICS = {
  qga_build_info: {
    type: "gauge",
    help: "The agent's version and what it runs on; always 1",
    labels: { version: "the agent's version", deno: "the version of Deno" },
  },
  qga_port_state: {
    type: "gauge",
    help:
      "The port's state: 1 for the one it is in, else 0; not-a-guest: no guest of QEMU, so no port",
    labels: { state: PORT_STATES },
  },
  qga_port_state_changes_total: {
    type: "counter",
    help: "How often the port to the hypervisor has changed its state",
  },
  qga_requests_total: {
    type: "counter",
    help: "Requests answered, by command and outcome",
    labels: {
      command: "a command of docs/reference/commands.md, or unknown",
      outcome: "success, error or blocked",
    },
  },
  qga_request_duration_seconds: {
    type: "histogram",
    help: "How long requests took until their reply was there",
    labels: { family: COMMAND_FAMILIES },
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
  },
  qga_received_bytes_total: {
    type: "counter",
    help: "Bytes received from the hypervisor",
  },
  qga_sent_bytes_total: {
    type: "counter",
    help: "Bytes sent to the hypervisor",
  },
  qga_parse_errors_total: {
    type: "counter",
    help: "Messages of the hypervisor that are not JSON",
  },
  qga_blocked_commands_total: {
    type: "counter",
    help:
      "Requests refused because their command is not allowed, or not while file systems are frozen",
  },
  qga_last_request_timestamp_seconds: {
    type: "gauge",
    help: "When the last request was answered, in seconds since the epoch",
    absentAtFirst: true,
  },
  qga_frozen: {
    type: "gauge",
    help: "Whether the agent has file systems frozen (1), or is freezing or thawing them",
  },
  qga_frozen_file_systems: {
    type: "gauge",
    help: "How many file systems the agent has frozen",
  },
  qga_freezes_total: {
    type: "counter",
    help: "Freezes asked for, by outcome: nothing means that no file system could be frozen",
    labels: { outcome: FREEZE_OUTCOMES },
  },
  qga_freeze_duration_seconds: {
    type: "histogram",
    help:
      "How long file systems were frozen, from the beginning of the freeze to the end of the thaw",
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600],
  },
  qga_thaws_total: {
    type: "counter",
    help: "Thaws, by what asked for them: timer means that nobody else did in time",
    labels: { reason: THAW_REASONS },
  },
  qga_thaw_failures_total: {
    type: "counter",
    help: "Thaws after which something was still frozen",
  },
  qga_last_freeze_timestamp_seconds: {
    type: "gauge",
    help:
      "When the last freeze began that has ended, in seconds since the epoch; kept over restarts",
    absentAtFirst: true,
  },
  qga_last_freeze_duration_seconds: {
    type: "gauge",
    help: "How long the last freeze lasted, from its beginning to the end of its thaw",
    absentAtFirst: true,
  },
  qga_last_freeze_file_systems: {
    type: "gauge",
    help: "How many file systems the last freeze had frozen",
    absentAtFirst: true,
  },
  qga_last_freeze_ended_by: {
    type: "gauge",
    help:
      "What ended the last freeze, always 1: with anything but command its backup is not consistent",
    labels: { reason: `as in qga_thaws_total` },
    absentAtFirst: true,
  },
  qga_guard_watching: {
    type: "gauge",
    help: "Whether a guard would thaw if the agent were killed (1)",
  },
  qga_unguarded_freezes_total: {
    type: "counter",
    help: "Freezes that no guard watched",
  },
  qga_trimmed_bytes_total: {
    type: "counter",
    help: "Bytes given back to the storage by trimming",
  },
  qga_trim_failures_total: {
    type: "counter",
    help: "File systems that could not be trimmed, though their disks take discards",
  },
  qga_power_actions_total: {
    type: "counter",
    help: "Power actions, by what Talos made of them: repeated means that it was under way already",
    labels: { action: ["shutdown", "forced-shutdown", "reboot"], result: POWER_OUTCOMES },
  },
  qga_talos_calls_total: {
    type: "counter",
    help: "Calls of the Talos API, by method and gRPC code",
    labels: {
      method: "Hostname, Reboot, Shutdown or Version",
      code: "a gRPC code's name, OK for success",
    },
  },
  qga_talos_call_duration_seconds: {
    type: "histogram",
    help: "How long calls of the Talos API took",
    labels: { method: "Hostname, Reboot, Shutdown or Version" },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  qga_talos_credentials_info: {
    type: "gauge",
    help:
      "Where the credentials for Talos come from; always 1, and absent as long as none were read",
    labels: { kind: "talosconfig or serviceAccount" },
    absentAtFirst: true,
  },
  qga_talos_credentials_expiry_timestamp_seconds: {
    type: "gauge",
    help: "When the client certificate for Talos expires, in seconds since the epoch",
    absentAtFirst: true,
  },
  qga_talos_credentials_last_read_timestamp_seconds: {
    type: "gauge",
    help: "When the credentials for Talos were last read with success, in seconds since the epoch",
    absentAtFirst: true,
  },
  qga_talos_credentials_errors_total: {
    type: "counter",
    help: "How often the credentials for Talos could not be read",
  },
  qga_log_lines_lost_total: {
    type: "counter",
    help:
      "Log lines lost because they could not be written: the disk was full, or nobody read them",
  },
  process_cpu_seconds_total: {
    type: "counter",
    help: "User and system time of the agent's process, in seconds",
  },
  process_resident_memory_bytes: {
    type: "gauge",
    help: "Resident memory of the agent's process",
  },
  process_start_time_seconds: {
    type: "gauge",
    help: "When the agent's process was started, in seconds since the epoch",
  },
  process_open_fds: {
    type: "gauge",
    help: "Open file descriptors of the agent's process",
  },
  process_max_fds: {
    type: "gauge",
    help: "How many file descriptors the agent's process may have",
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

/** A name in `METRICS`. */
export type MetricName = keyof typeof METRICS;
