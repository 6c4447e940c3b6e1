import type { AllowedDifference } from "./ledger.ts";

export const DIFFERENCES: readonly AllowedDifference[] = [];
