// prom-client's parts that need nothing of Node: its entry also loads default metrics, a cluster and
// a push client, which do.

import type * as PrometheusClient from "prom-client";
import CounterOfModule from "prom-client/lib/counter.js";
import GaugeOfModule from "prom-client/lib/gauge.js";
import HistogramOfModule from "prom-client/lib/histogram.js";
import RegistryOfModule from "prom-client/lib/registry.js";

/** See prom-client. */
export const Counter: typeof PrometheusClient.Counter = CounterOfModule;
/** See prom-client. */
export const Gauge: typeof PrometheusClient.Gauge = GaugeOfModule;
/** See prom-client. */
export const Histogram: typeof PrometheusClient.Histogram = HistogramOfModule;
/** See prom-client. */
export const Registry: typeof PrometheusClient.Registry = RegistryOfModule;
