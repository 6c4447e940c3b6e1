import { deepEqual } from "node:assert/strict";
import { PROJECT } from "../harness/project.ts";

/** What docs/compatibility.md names, by the variable of scripts/versions. */
const NAMED = [
  ...["HELM3", "HELM4", "KUBERNETES", "CONTAINERD", "PROMETHEUS_OPERATOR"],
  ...["ARGO_CD", "HELM_CONTROLLER", "SOURCE_CONTROLLER", "QEMU_QMP", "COSIGN"],
];

Deno.test("docs/compatibility.md names the versions that tests fetch", async () => {
  const page = (await Deno.readTextFile(`${PROJECT}/docs/compatibility.md`)).replaceAll(
    /\s+/g,
    " ",
  );
  const versions = await Deno.readTextFile(`${PROJECT}/scripts/versions`);
  const missing = NAMED.filter((name) => {
    const version = new RegExp(`^${name}_VERSION=v?(\\S+)$`, "m").exec(versions)?.[1];
    return version === undefined || !page.includes(version);
  });
  deepEqual(missing, []);
});
