import type { MetricsFormat } from "./metrics.ts";

/** `content-type` of each format. */
export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/**
 * The format that a request's `accept` asks for (RFC 9110, 12.5.1): OpenMetrics when it is named and
 * no less liked than plain text.
 */
export function chooseMetricsFormat(accept: string | undefined): MetricsFormat {
  let openmetrics = 0;
  let plain = 0;
  for (const range of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === "application/openmetrics-text") openmetrics = Math.max(openmetrics, quality);
    if (type === "text/plain") plain = Math.max(plain, quality);
  }
  return openmetrics > 0 && openmetrics >= plain ? "openmetrics" : "prometheus";
}

function qualityOf(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  if (text === undefined) return 1;
  const quality = Number(text);
  return quality >= 0 && quality <= 1 ? quality : 0;
}
