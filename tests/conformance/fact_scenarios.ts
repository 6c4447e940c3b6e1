import { type Scenario, single } from "./scenario.ts";

const IDS = ["0", "1", "-1", "9223372036854775807", "-9223372036854775808", "-0"];

/** Commands that only tell something. */
export const FACT_SCENARIOS: readonly Scenario[] = [
  ...IDS.flatMap((id) => [
    single("guest-sync", `{"id":${id}}`),
    single("guest-sync-delimited", `{"id":${id}}`),
  ]),
  single("guest-ping"),
  single("guest-ping", "{}"),
  single("guest-info", undefined, { volatile: /^return\.version$/ }),
  single("guest-get-time", undefined, { volatile: /^return$/ }),
  single("guest-get-timezone"),
  single("guest-get-host-name"),
  single("guest-get-osinfo"),
  single("guest-get-users"),
  single("guest-get-load", undefined, { volatile: /^return\./ }),
  single("guest-network-get-interfaces", undefined, { volatile: /statistics\./ }),
  single("guest-network-get-route"),
  single("guest-get-fsinfo"),
  single("guest-get-disks"),
  single("guest-get-diskstats", undefined, { volatile: /\.stats\./ }),
  single("guest-get-cpustats", undefined, {
    volatile: /\.(user|nice|system|idle|iowait|irq|softirq|steal|guest|guestnice)$/,
  }),
];
