import { deepEqual } from "node:assert/strict";
import { metricNames, servedNames } from "./metric_names.ts";

Deno.test("the metrics of an expression are found, and nothing else", () => {
  const cases: [string, string[]][] = [
    ['up{job=~"a.+"} == 0 or absent(up{job=~"x"})', ["up"]],
    ["sum by (state) (rate(a_total[5m])) / on (x) group_left (y) b", ["a_total", "b"]],
    ["histogram_quantile(0.9, sum by (le) (rate(c_bucket[$__rate_interval])))", ["c_bucket"]],
    ["a_total > 0 unless a_total offset 15m", ["a_total"]],
    ['sum(d{x="e{f}"}) - time() < 7 * 86400 or vector(0)', ["d"]],
    ["sum (g) by (instance)", ["g"]],
    ["1e3 + h:i", ["h:i"]],
  ];
  for (const [expr, names] of cases) deepEqual(metricNames(expr), names, expr);
});

Deno.test("the metrics of a scrape are those of its samples", () => {
  const text = '# HELP a Something.\n# TYPE a counter\na{b="c"} 1\nd_bucket{le="1"} 2\n\n';
  deepEqual([...servedNames(text)], ["a", "d_bucket"]);
});
