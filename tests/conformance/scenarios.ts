import { EXEC_SCENARIOS } from "./exec_scenarios.ts";
import { FACT_SCENARIOS } from "./fact_scenarios.ts";
import { FILE_SCENARIOS } from "./file_scenarios.ts";
import { FREEZE_SCENARIOS } from "./freeze_scenarios.ts";
import { MACHINE_SCENARIOS } from "./machine_scenarios.ts";
import type { Scenario } from "./scenario.ts";
import { SYSFS_SCENARIOS } from "./sysfs_scenarios.ts";

/** Every command with right arguments. */
export const SCENARIOS: readonly Scenario[] = [
  ...FACT_SCENARIOS,
  ...SYSFS_SCENARIOS,
  ...FILE_SCENARIOS,
  ...EXEC_SCENARIOS,
  ...FREEZE_SCENARIOS,
  ...MACHINE_SCENARIOS,
];
