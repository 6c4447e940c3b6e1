import { deepEqual } from "node:assert/strict";
import { CLUSTER_INTERFACES } from "../config/options.ts";
import { isReported } from "./network.ts";

const NAMES = [
  "eth0",
  "bond0",
  "eth0.100",
  "br0",
  "lo",
  "veth1a2b",
  "cilium_host",
  "cali123",
  "kubespan",
];

function reported(patterns: { include?: string[]; exclude?: string[] }): string[] {
  const interfaces = { include: patterns.include ?? [], exclude: patterns.exclude ?? [] };
  return NAMES.filter((name) => isReported(name, interfaces));
}

Deno.test("the default patterns hide what only the cluster network sees", () => {
  const exclude = CLUSTER_INTERFACES.split(",");
  deepEqual(reported({ exclude }), ["eth0", "bond0", "eth0.100", "br0", "lo"]);
});

Deno.test("include and exclude patterns work together, and their dots are dots", () => {
  deepEqual(reported({}), NAMES);
  deepEqual(reported({ include: ["eth*"] }), ["eth0", "eth0.100"]);
  deepEqual(reported({ include: ["eth*"], exclude: ["eth?"] }), ["eth0.100"]);
  deepEqual(reported({ include: ["eth0.1*", "br."] }), ["eth0.100"]);
});
