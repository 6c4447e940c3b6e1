import assert from "node:assert/strict";
import { chooseMetricsFormat } from "./metrics_format.ts";

const PROMETHEUS_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
  "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2";

Deno.test("OpenMetrics is served to those who like it no less than plain text", () => {
  assert.equal(chooseMetricsFormat(PROMETHEUS_3), "openmetrics");
  assert.equal(chooseMetricsFormat("application/openmetrics-text"), "openmetrics");
  assert.equal(chooseMetricsFormat("Application/OpenMetrics-Text ; Q=0.1"), "openmetrics");
});

Deno.test("all others get Prometheus' text format", () => {
  for (
    const accept of [
      undefined,
      "",
      "*/*",
      "text/html,*/*;q=0.8",
      "text/plain,application/openmetrics-text;q=0.9",
      "application/openmetrics-text;q=0",
      "application/openmetrics-text;q=x",
    ]
  ) {
    assert.equal(chooseMetricsFormat(accept), "prometheus", accept);
  }
});
