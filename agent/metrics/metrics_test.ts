import assert from "node:assert/strict";
import { COMMANDS } from "../commands/all.ts";
import type { Activity, PortState } from "../activity/activity.ts";
import { type MetricDeclaration, METRICS } from "./metric_table.ts";
import { Metrics } from "./metrics.ts";

const PROCESS = {
  cpuSeconds: 1.5,
  residentBytes: 50_000_000,
  startTime: 1_700_000_000,
  openFiles: 20,
  openFilesLimit: Infinity,
};

/** Metrics of what happened, at second 100 of the epoch. */
function metricsOf(...activities: readonly Activity[]): Metrics {
  const metrics = new Metrics({
    version: "1.2.3",
    deno: "2.6.10",
    processStatistics: () => PROCESS,
    guardWatches: () => true,
    logLinesLost: () => 7,
    now: () => 100_000,
  });
  for (const activity of activities) metrics.take(activity);
  return metrics;
}

/** The values of all series, by name with labels. */
async function series(...activities: readonly Activity[]): Promise<Map<string, number>> {
  const text = await metricsOf(...activities).render("prometheus");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [name = "", value = ""] = line.split(/ (?=\S+$)/);
    return [name, Number(value.replace("+Inf", "Infinity"))];
  }));
}

function request(command: string, outcome: "success" | "error" | "blocked", seconds = 0.002) {
  const family = COMMANDS.find(({ name }) => name === command)?.family ?? "unknown";
  const rest = { family, isAudited: false, error: undefined, client: "x" } as const;
  return { kind: "request", command, outcome, seconds, ...rest } as const;
}

function port(state: PortState): Activity {
  return { kind: "port", state, path: "/dev/vport0p1", reason: undefined };
}

Deno.test("every metric of the table is served, with its help and type", async () => {
  const text = await metricsOf().render("prometheus");
  const declarations: readonly (readonly [string, MetricDeclaration])[] = Object.entries(METRICS);
  for (const [name, { type, help }] of declarations) {
    assert.ok(text.includes(`# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n`), name);
  }
  assert.equal(text.match(/^# TYPE /gm)?.length, declarations.length);
});

Deno.test("names and labels follow Prometheus' rules", () => {
  const declarations: readonly (readonly [string, MetricDeclaration])[] = Object.entries(METRICS);
  for (const [name, { type, help, labels = {}, buckets }] of declarations) {
    assert.match(name, /^(qga|process)_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.equal(buckets !== undefined, type === "histogram", name);
    assert.doesNotMatch(help, /\.$/);
    for (const label of Object.keys(labels)) assert.match(label, /^[a-z]+$/);
  }
});

Deno.test("a new agent has its build, the process, and a 0 for all that can be counted", async () => {
  const values = await series();
  assert.equal(values.get('qga_build_info{version="1.2.3",deno="2.6.10"}'), 1);
  assert.equal(values.get("process_resident_memory_bytes"), 50_000_000);
  assert.equal(values.get("process_cpu_seconds_total"), 1.5);
  assert.equal(values.get("process_max_fds"), Infinity);
  assert.equal(values.get('qga_thaws_total{reason="timer"}'), 0);
  assert.equal(values.get('qga_power_actions_total{action="reboot",result="failed"}'), 0);
  assert.equal(values.get("qga_last_request_timestamp_seconds"), undefined);
  assert.equal(values.get("qga_talos_credentials_expiry_timestamp_seconds"), undefined);
});

Deno.test("requests are counted by command and outcome, and timed by family", async () => {
  const values = await series(
    { kind: "received", bytes: 10 },
    request("guest-ping", "success"),
    { kind: "sent", bytes: 15 },
    { kind: "received", bytes: 10 },
    request("guest-exec", "blocked"),
    request("unknown", "error", 0.00005),
    { kind: "parse-error" },
  );
  assert.equal(values.get('qga_requests_total{command="guest-ping",outcome="success"}'), 1);
  assert.equal(values.get('qga_requests_total{command="guest-exec",outcome="blocked"}'), 1);
  assert.equal(values.get('qga_requests_total{command="unknown",outcome="error"}'), 1);
  assert.equal(values.get('qga_request_duration_seconds_count{family="agent"}'), 1);
  assert.equal(values.get('qga_request_duration_seconds_sum{family="agent"}'), 0.002);
  assert.equal(
    values.get('qga_request_duration_seconds_bucket{le="0.0001",family="unknown"}'),
    1,
  );
  assert.equal(values.get("qga_blocked_commands_total"), 1);
  assert.equal(values.get("qga_parse_errors_total"), 1);
  assert.equal(values.get("qga_log_lines_lost_total"), 7);
  assert.equal(values.get("qga_received_bytes_total"), 20);
  assert.equal(values.get("qga_sent_bytes_total"), 15);
  assert.equal(values.get("qga_last_request_timestamp_seconds"), 100);
});

Deno.test("the port is in one state, and only changes count", async () => {
  const values = await series(port("absent"), port("absent"), port("waiting"), port("connected"));
  assert.deepEqual(
    ["absent", "busy", "waiting", "connected"].map((state) =>
      values.get(`qga_port_state{state="${state}"}`)
    ),
    [0, 0, 0, 1],
  );
  assert.equal(values.get("qga_port_state_changes_total"), 2);
});

Deno.test("a machine that is no guest lacks no port", async () => {
  const values = await series(port("not-a-guest"));
  assert.equal(values.get('qga_port_state{state="absent"}'), 0);
  assert.equal(values.get('qga_port_state{state="not-a-guest"}'), 1);
});

Deno.test("freezes, thaws and trims", async () => {
  const frozen: readonly Activity[] = [
    { kind: "freeze-state", state: "freezing", count: 0 },
    { kind: "freeze-state", state: "frozen", count: 3 },
    { kind: "freeze", outcome: "frozen", count: 3, seconds: 0.1, guarded: false, error: undefined },
  ];
  const during = await series(...frozen);
  assert.deepEqual([during.get("qga_frozen"), during.get("qga_frozen_file_systems")], [1, 3]);
  const after = await series(
    ...frozen,
    { kind: "thaw-failed", reason: "timer", error: "" },
    { kind: "freeze-state", state: "thawed", count: 0 },
    { kind: "thaw", reason: "timer", count: 3, frozenSeconds: 60.5 },
    { kind: "freeze", outcome: "nothing", count: 0, seconds: 0, guarded: false, error: "none" },
    { kind: "trim", bytes: 4096, count: 1, failures: 2, seconds: 1 },
  );
  assert.deepEqual([after.get("qga_frozen"), after.get("qga_frozen_file_systems")], [0, 0]);
  assert.equal(after.get('qga_freezes_total{outcome="nothing"}'), 1);
  assert.equal(after.get('qga_thaws_total{reason="timer"}'), 1);
  assert.equal(after.get("qga_thaw_failures_total"), 1);
  assert.equal(after.get("qga_freeze_duration_seconds_sum"), 60.5);
  assert.equal(after.get("qga_trimmed_bytes_total"), 4096);
  assert.equal(after.get("qga_trim_failures_total"), 2);
});

Deno.test("power actions, Talos calls and credentials", async () => {
  const power = {
    kind: "power",
    requested: true,
    code: "OK",
    error: undefined,
    seconds: 1,
  } as const;
  const values = await series(
    { ...power, action: "shutdown", forced: false, outcome: "accepted" },
    { ...power, action: "shutdown", forced: true, outcome: "failed" },
    { kind: "talos-call", method: "Shutdown", code: "PERMISSION_DENIED", seconds: 0.02 },
    { kind: "credentials", source: "talosconfig", expires: 5_000, error: undefined },
    { kind: "credentials", source: "serviceAccount", expires: 6_000, error: undefined },
    { kind: "credentials", source: "serviceAccount", expires: undefined, error: "half written" },
  );
  const counted = 'qga_power_actions_total{action="forced-shutdown",result="failed"}';
  assert.equal(values.get(counted), 1);
  assert.equal(
    values.get('qga_talos_calls_total{method="Shutdown",code="PERMISSION_DENIED"}'),
    1,
  );
  assert.equal(values.get('qga_talos_call_duration_seconds_sum{method="Shutdown"}'), 0.02);
  const kinds = [...values.keys()].filter((name) => name.startsWith("qga_talos_credentials_info"));
  assert.deepEqual(kinds, ['qga_talos_credentials_info{kind="serviceAccount"}']);
  assert.equal(values.get("qga_talos_credentials_expiry_timestamp_seconds"), 6_000);
  assert.equal(values.get("qga_talos_credentials_last_read_timestamp_seconds"), 100);
  assert.equal(values.get("qga_talos_credentials_errors_total"), 1);
});

Deno.test("OpenMetrics calls counters without _total, ends with EOF, and changes nothing", async () => {
  const metrics = metricsOf(request("guest-ping", "success"));
  const before = await metrics.render("prometheus");
  const open = await metrics.render("openmetrics");
  assert.match(open, /^# TYPE qga_requests counter\nqga_requests_total\{/m);
  assert.match(open, /^# HELP process_cpu_seconds User/m);
  assert.doesNotMatch(open, /^# \w+ \S+_total /m);
  assert.doesNotMatch(open, /\n\n/);
  assert.match(open, /\n# EOF\n$/);
  assert.equal(await metrics.render("prometheus"), before);
});

Deno.test("every metric is set by something that happens", async () => {
  const power = { kind: "power", requested: true, code: "OK", error: undefined } as const;
  const values = await series(
    port("absent"),
    port("connected"),
    { kind: "received", bytes: 1 },
    { kind: "sent", bytes: 1 },
    { kind: "parse-error" },
    request("guest-exec", "blocked"),
    { kind: "freeze-state", state: "frozen", count: 1 },
    { kind: "freeze", outcome: "frozen", count: 1, seconds: 1, guarded: false, error: undefined },
    { kind: "thaw", reason: "timer", count: 1, frozenSeconds: 1 },
    { kind: "thaw-failed", reason: "timer", error: "" },
    { kind: "last-freeze", since: 1, seconds: 1, count: 1, endedBy: "timer" },
    { kind: "trim", bytes: 1, count: 1, failures: 1, seconds: 1 },
    { ...power, action: "shutdown", forced: false, outcome: "accepted", seconds: 1 },
    { kind: "talos-call", method: "Shutdown", code: "OK", seconds: 1 },
    { kind: "credentials", source: "talosconfig", expires: 1, error: undefined },
    { kind: "credentials", source: "talosconfig", expires: undefined, error: "half written" },
  );
  for (const name of Object.keys(METRICS)) {
    const isSet = ([key, value]: readonly [string, number]) =>
      value > 0 && key.replace(/\{.*/, "").replace(/_(?:sum|count)$/, "") === name;
    assert.ok([...values].some(isSet), `${name} is set by nothing that happens here`);
  }
});
