import { CREDENTIALS, timeLeft, timeLeftSteps } from "./certificates.ts";
import {
  agents,
  ALL_NODES,
  increase,
  metric,
  percentile95,
  rate,
  TARGET,
  withNode,
} from "./expressions.ts";
import { faults } from "./faults.ts";
import { nodeTable } from "./node_table.ts";
import { type DashboardPanel, graph, stat, type Step } from "./panels.ts";

/** Colours of a number that should be 0. */
function none(color: string): readonly Step[] {
  return [{ from: null, color: "green" }, { from: 1, color }];
}

/** The panels about all nodes together. */
export function allNodes(): readonly DashboardPanel[] {
  return [
    stat({
      title: "Agents",
      description: "Targets of Prometheus that are agents, those that are down among them",
      queries: [{ expr: `count(${agents()})` }],
    }),
    stat({
      title: "Agents down",
      description: "Agents that Prometheus cannot scrape",
      queries: [{ expr: `count((${agents()}) == 0) or vector(0)` }],
      steps: none("red"),
      alert: "QemuGuestAgentDown",
    }),
    stat({
      title: "Nodes without a port",
      description: "The hypervisor cannot reach these agents",
      queries: [{ expr: `sum(${metric("qga_port_state", `${ALL_NODES},state="absent"`)})` }],
      steps: none("orange"),
      alert: "QemuGuestAgentPortAbsent",
    }),
    stat({
      title: "Frozen nodes",
      description: "Nodes whose file systems are frozen now",
      queries: [{ expr: `sum(${metric("qga_frozen")})` }],
      steps: none("orange"),
      alert: "QemuGuestAgentFrozenTooLong",
    }),
    stat({
      title: "Failed power actions",
      description: "Shutdowns and reboots that Talos has not accepted, within the time shown",
      queries: [{
        // An increase is seldom a whole number.
        expr: `round(sum(increase(${
          metric("qga_power_actions_total", `${ALL_NODES},result="failed"`)
        }[$__range])))`,
      }],
      steps: none("red"),
      alert: "QemuGuestAgentPowerActionFailed",
    }),
    stat({
      title: "First certificate to end",
      description:
        "The time that is left to the first client certificate for the Talos API, orange from when the alert fires on",
      queries: CREDENTIALS.map(({ source, name }) => ({
        expr: `min(${timeLeft(source, ALL_NODES)})`,
        legend: name,
        steps: timeLeftSteps(source),
      })),
      unit: "s",
      alert: "QemuGuestAgentCredentialsExpiring",
    }),
    nodeTable(),
    graph({
      title: "Agents by state of the port",
      description:
        "absent: no device; busy: another program has it; waiting: no client; connected: the hypervisor talks; " +
        "not-a-guest: there is no hypervisor",
      queries: [{
        expr: `sum by (state) (${metric("qga_port_state")})`,
        legend: "{{state}}",
      }],
      stacked: true,
    }),
    graph({
      title: "Requests by outcome",
      description: "Requests of the hypervisor",
      queries: [{ expr: rate(metric("qga_requests_total"), "outcome"), legend: "{{outcome}}" }],
      unit: "reqps",
      stacked: true,
    }),
    graph({
      title: "Requests by node",
      description:
        "A node of which the hypervisor wants nothing has a guest agent that is switched off there",
      queries: [{
        expr: withNode(rate(metric("qga_requests_total"), TARGET)),
        legend: "{{node}}",
      }],
      unit: "reqps",
    }),
    graph({
      title: "Frozen file systems by node",
      description: "How many file systems are frozen",
      queries: [{ expr: withNode(metric("qga_frozen_file_systems")), legend: "{{node}}" }],
    }),
    graph({
      title: "Power actions",
      description: "Shutdowns and reboots that were asked for, by what Talos made of them",
      queries: [{
        expr: increase(metric("qga_power_actions_total"), "action, result"),
        legend: "{{action}} {{result}}",
      }],
      bars: true,
      stacked: true,
      alert: "QemuGuestAgentPowerActionFailed",
    }),
    graph({
      title: "Freezes",
      description: "Freezes that were asked for; nothing: no file system could be frozen",
      queries: [{ expr: increase(metric("qga_freezes_total"), "outcome"), legend: "{{outcome}}" }],
      bars: true,
      stacked: true,
      alert: "QemuGuestAgentFreezeCoveredNothing",
    }),
    graph({
      title: "Duration of freezes",
      description: "What 95 of 100 freezes did not exceed",
      queries: [{
        expr: withNode(percentile95("qga_freeze_duration_seconds", ALL_NODES, TARGET)),
        legend: "{{node}}",
      }],
      unit: "s",
    }),
    graph({
      title: "Faults",
      description: "What should not happen, and changes of the ports' states",
      queries: faults(ALL_NODES),
      bars: true,
      stacked: true,
    }),
  ];
}
