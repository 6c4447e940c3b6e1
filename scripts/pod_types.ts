// Puts Kubernetes' own types of what values hold of a pod's spec into the definitions of the chart's schema, so that
// a misspelt field is found before anything is sent to a cluster. They are those of the API server in .tools/bin or
// on PATH, whose version is KUBERNETES_VERSION in scripts/versions; without their descriptions.
//
//   deno run -A scripts/pod_types.ts

import { ControlPlane } from "../tests/harness/kubernetes/control_plane.ts";
import { CHART } from "../tests/harness/kubernetes/helm.ts";
import { podTypes, TYPE_PREFIX } from "../tests/harness/kubernetes/pod_types.ts";

const FILE = `${CHART}/values.schema.json`;

await using controlPlane = await ControlPlane.start();
const schema = JSON.parse(await Deno.readTextFile(FILE));
const ours = Object.entries(schema.definitions).filter(([name]) => !name.startsWith(TYPE_PREFIX));
schema.definitions = { ...Object.fromEntries(ours), ...await podTypes(controlPlane.api) };
await Deno.writeTextFile(FILE, `${JSON.stringify(schema, undefined, 2)}\n`);
