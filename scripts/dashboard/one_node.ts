import { CREDENTIALS, timeLeft, timeLeftSteps } from "./certificates.ts";
import {
  age,
  agents,
  increase,
  metric,
  ofAgents,
  ONE_NODE,
  percentile95,
  rate,
} from "./expressions.ts";
import { faults } from "./faults.ts";
import { type DashboardPanel, graph, stat } from "./panels.ts";

/** The panels about the node that is chosen. */
export function oneNode(): readonly DashboardPanel[] {
  return [...state(), ...lastFreeze(), ...requests(), ...freezes(), ...talos(), ...process()];
}

function state(): readonly DashboardPanel[] {
  return [
    stat({
      title: "Agent",
      description: "Whether Prometheus can scrape it",
      queries: [{ expr: `max(${agents(ONE_NODE)})` }],
      steps: [{ from: null, color: "red" }, { from: 1, color: "green" }],
      texts: { 0: { text: "down" }, 1: { text: "up" } },
      alert: "QemuGuestAgentDown",
    }),
    stat({
      title: "Version",
      description: "The agent's version",
      queries: [{ expr: metric("qga_build_info", ONE_NODE), legend: "{{version}}" }],
      showsName: true,
    }),
    stat({
      title: "Port",
      description: "State of the port to the hypervisor",
      queries: [{ expr: `${metric("qga_port_state", ONE_NODE)} == 1`, legend: "{{state}}" }],
      showsName: true,
      alert: "QemuGuestAgentPortAbsent",
    }),
    stat({
      title: "Last request",
      description: "How long ago the hypervisor asked for something",
      queries: [{ expr: age(metric("qga_last_request_timestamp_seconds", ONE_NODE)) }],
      unit: "s",
    }),
    stat({
      title: "Frozen",
      description: "Whether file systems are frozen",
      queries: [{ expr: metric("qga_frozen", ONE_NODE) }],
      steps: [{ from: null, color: "green" }, { from: 1, color: "orange" }],
      texts: { 0: { text: "no" }, 1: { text: "yes" } },
      alert: "QemuGuestAgentFrozenTooLong",
    }),
    stat({
      title: "Guard",
      description: "Whether a guard would thaw if the agent were killed",
      queries: [{ expr: metric("qga_guard_watching", ONE_NODE) }],
      steps: [{ from: null, color: "orange" }, { from: 1, color: "green" }],
      texts: { 0: { text: "none" }, 1: { text: "watches" } },
      alert: "QemuGuestAgentFreezeUnguarded",
    }),
    stat({
      title: "Certificate ends in",
      description: "The client certificate for the Talos API, orange from when the alert fires on",
      queries: CREDENTIALS.map(({ source, name }) => ({
        expr: timeLeft(source, ONE_NODE),
        legend: name,
        steps: timeLeftSteps(source),
      })),
      unit: "s",
      alert: "QemuGuestAgentCredentialsExpiring",
    }),
    stat({
      title: "Credentials from",
      description: "Where the credentials for the Talos API come from",
      queries: [{ expr: metric("qga_talos_credentials_info", ONE_NODE), legend: "{{kind}}" }],
      showsName: true,
    }),
    stat({
      title: "Credentials read",
      description: "How long ago the credentials for the Talos API were last read with success",
      queries: [{
        expr: age(metric("qga_talos_credentials_last_read_timestamp_seconds", ONE_NODE)),
      }],
      unit: "s",
    }),
    stat({
      title: "Running for",
      description: "The time since the agent's process was started",
      queries: [{ expr: ofAgents(age(metric("process_start_time_seconds", ONE_NODE))) }],
      unit: "s",
    }),
    stat({
      title: "Memory",
      description: "Resident memory of the agent",
      queries: [{ expr: ofAgents(metric("process_resident_memory_bytes", ONE_NODE)) }],
      unit: "bytes",
    }),
    stat({
      title: "Open files",
      description: "File descriptors, in percent of those that the agent may have",
      queries: [{
        expr: ofAgents(
          `${metric("process_open_fds", ONE_NODE)} / ${metric("process_max_fds", ONE_NODE)}`,
        ),
      }],
      unit: "percentunit",
      steps: [{ from: null, color: "blue" }, { from: 0.8, color: "orange" }],
    }),
  ];
}

function lastFreeze(): readonly DashboardPanel[] {
  return [
    stat({
      title: "Last frozen",
      description: "How long ago the last freeze began",
      queries: [{ expr: age(metric("qga_last_freeze_timestamp_seconds", ONE_NODE)) }],
      unit: "s",
      width: 6,
    }),
    stat({
      title: "Last freeze lasted",
      description: "From its beginning to the end of its thaw",
      queries: [{ expr: metric("qga_last_freeze_duration_seconds", ONE_NODE) }],
      unit: "s",
      width: 6,
    }),
    stat({
      title: "Last freeze covered",
      description: "How many file systems were frozen",
      queries: [{ expr: metric("qga_last_freeze_file_systems", ONE_NODE) }],
      width: 6,
    }),
    stat({
      title: "Last freeze ended by",
      description: "With anything but command the backup made meanwhile is not consistent",
      queries: [{
        expr: `${metric("qga_last_freeze_ended_by", ONE_NODE)} == 1`,
        legend: "{{reason}}",
      }],
      showsName: true,
      width: 6,
    }),
  ];
}

function requests(): readonly DashboardPanel[] {
  return [
    graph({
      title: "Requests by command",
      description: "What the hypervisor asks for",
      queries: [{
        expr: rate(metric("qga_requests_total", ONE_NODE), "command"),
        legend: "{{command}}",
      }],
      unit: "reqps",
    }),
    graph({
      title: "Duration of requests",
      description: "What 95 of 100 requests did not exceed, by family of commands",
      queries: [{
        expr: percentile95("qga_request_duration_seconds", ONE_NODE, "family"),
        legend: "{{family}}",
      }],
      unit: "s",
    }),
    graph({
      title: "Bytes",
      description: "Bytes to and from the hypervisor",
      queries: [
        { expr: rate(metric("qga_received_bytes_total", ONE_NODE)), legend: "received" },
        { expr: rate(metric("qga_sent_bytes_total", ONE_NODE)), legend: "sent" },
      ],
      unit: "Bps",
    }),
    graph({
      title: "Refused requests",
      description: "Blocked: the command is not allowed, or not while file systems are frozen",
      queries: [
        { expr: rate(metric("qga_blocked_commands_total", ONE_NODE)), legend: "blocked" },
        { expr: rate(metric("qga_parse_errors_total", ONE_NODE)), legend: "no JSON" },
      ],
      unit: "reqps",
    }),
  ];
}

function freezes(): readonly DashboardPanel[] {
  return [
    graph({
      title: "Thaws by reason",
      description: "timer: nobody else has thawed in time",
      queries: [{
        expr: increase(metric("qga_thaws_total", ONE_NODE), "reason"),
        legend: "{{reason}}",
      }],
      bars: true,
      stacked: true,
    }),
    graph({
      title: "Trimmed",
      description: "Bytes given back to the storage",
      queries: [{ expr: increase(metric("qga_trimmed_bytes_total", ONE_NODE)), legend: "trimmed" }],
      unit: "bytes",
      bars: true,
    }),
  ];
}

function talos(): readonly DashboardPanel[] {
  return [
    graph({
      title: "Calls of the Talos API",
      description: "By method and gRPC code",
      queries: [{
        expr: increase(metric("qga_talos_calls_total", ONE_NODE), "method, code"),
        legend: "{{method}} {{code}}",
      }],
      bars: true,
      stacked: true,
      alert: "QemuGuestAgentTalosCallFailing",
    }),
    graph({
      title: "Duration of calls of the Talos API",
      description: "What 95 of 100 calls did not exceed",
      queries: [{
        expr: percentile95("qga_talos_call_duration_seconds", ONE_NODE, "method"),
        legend: "{{method}}",
      }],
      unit: "s",
    }),
  ];
}

function process(): readonly DashboardPanel[] {
  return [
    graph({
      title: "Faults of the node",
      description: "What should not happen, and changes of the port's state",
      queries: faults(ONE_NODE),
      bars: true,
      stacked: true,
    }),
    graph({
      title: "Processor",
      description: "Time of a processor that the agent takes",
      queries: [{
        expr: ofAgents(`rate(${metric("process_cpu_seconds_total", ONE_NODE)}[$__rate_interval])`),
        legend: "CPU",
      }],
      unit: "percentunit",
    }),
  ];
}
