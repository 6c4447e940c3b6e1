// The suites of chart/tests, which anybody can run with Helm's plug-in, too: a test here for each there.

import assert from "node:assert/strict";
import { CHART } from "../harness/kubernetes/helm.ts";

interface Outcome {
  readonly suite: string;
  readonly name: string;
  readonly failure: string | undefined;
}

async function runSuites(): Promise<Outcome[]> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const program = Deno.env.get("HELM_UNITTEST") ?? "helm-unittest";
    const { stdout, stderr } = await new Deno.Command(program, {
      args: ["--output-file", report, "--output-type", "JUnit", CHART],
    }).output();
    const outcomes = readReport(await Deno.readTextFile(report));
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    const total = Number(/^Tests:.* (\d+) total$/m.exec(text)?.[1]);
    if (total !== outcomes.length) {
      throw new Error(`helm-unittest could not run all suites:\n${text}`);
    }
    return outcomes;
  } finally {
    await Deno.remove(report);
  }
}

/** Reads what helm-unittest has written; its elements carry no namespace. */
function readReport(xml: string): Outcome[] {
  return [...xml.matchAll(/<testsuite ([^>]*)>([^]*?)<\/testsuite>/g)].flatMap(
    ([, head = "", body = ""]) =>
      [...body.matchAll(/<testcase ([^>]*?)(?:\/>|>([^]*?)<\/testcase>)/g)].map(
        ([, attributes = "", content = ""]) => ({
          suite: attribute(head, "name"),
          name: attribute(attributes, "name"),
          failure: content.includes("<failure") || content.includes("<error")
            ? unescape(content)
            : undefined,
        }),
      ),
  );
}

function attribute(text: string, name: string): string {
  return unescape(new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? "");
}

function unescape(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&#34;", '"')
    .replaceAll("&#39;", "'").replace(/&#x[AD];/g, "\n").replace(/&#x9;/g, "\t")
    .replaceAll("&amp;", "&");
}

for (const { suite, name, failure } of await runSuites()) {
  Deno.test(`${suite}: it ${name}`, () => assert.equal(failure, undefined, failure));
}

Deno.test("each template has a suite", async () => {
  const suites: string[] = [];
  for await (const { name, isFile } of Deno.readDir(`${CHART}/tests`)) {
    if (isFile) suites.push(await Deno.readTextFile(`${CHART}/tests/${name}`));
  }
  const text = suites.join("\n");
  for (const directory of ["", "tests/"]) {
    for await (const { name, isFile } of Deno.readDir(`${CHART}/templates/${directory}`)) {
      if (!isFile || name.startsWith("_")) continue;
      assert(text.includes(`${directory}${name}`), `no suite has ${directory}${name}`);
    }
  }
});
