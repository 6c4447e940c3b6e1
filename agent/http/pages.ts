import type { HttpRequest } from "./request.ts";
import { type HttpHandler, type HttpResponse, textResponse } from "./server.ts";
import { livenessPage } from "./liveness.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { chooseMetricsFormat, METRICS_TYPES } from "../metrics/metrics_format.ts";
import { type Readiness, readinessPage } from "./readiness.ts";

/** What the pages show. */
export interface PagesOptions {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Whether the loop that serves the hypervisor has come to an end. */
  readonly portLoopEnded: () => boolean;
  /** One line with the agent's version. */
  readonly version: string;
}

/** All pages of the HTTP server, by path. */
export function pages(options: PagesOptions): HttpHandler {
  const { metrics, readiness, portLoopEnded, version } = options;
  return async ({ path, query, accept }: HttpRequest): Promise<HttpResponse> => {
    switch (path) {
      case "/":
        return startPage(version);
      case "/metrics": {
        // Not waited for: the file may lie where reading takes long.
        void readiness.lookAtCredentials();
        const format = chooseMetricsFormat(accept);
        const body = await metrics.render(format);
        return { status: 200, type: METRICS_TYPES[format], body };
      }
      case "/livez":
        return livenessPage(portLoopEnded());
      case "/readyz":
        return readinessPage(await readiness.conditions(), query.has("verbose"));
      default:
        return textResponse(404, "there is no such page; / lists those that are there");
    }
  };
}

function startPage(version: string): HttpResponse {
  const body = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>QEMU guest agent for Talos</title></head>
<body>
<h1>QEMU guest agent for Talos</h1>
<p>${version.replace(/[<>&]/g, "")}</p>
<ul>
<li><a href="/metrics">/metrics</a> for Prometheus</li>
<li><a href="/livez">/livez</a> whether the agent runs</li>
<li><a href="/readyz?verbose">/readyz</a> whether it can do its work, and if not, why</li>
</ul>
</body>
</html>
`;
  return { status: 200, type: "text/html; charset=utf-8", body };
}
