import assert from "node:assert/strict";
import { parse } from "yaml";
import { CHART, template } from "../harness/kubernetes/helm.ts";

/** A test of a helm-unittest suite, as far as it is read here. */
interface SuiteTest {
  readonly set?: unknown;
  readonly capabilities?: { readonly apiVersions: readonly string[] };
  readonly kubernetesProvider?: unknown;
  readonly asserts: readonly { readonly failedTemplate?: { readonly errorPattern: string } }[];
}

/** What Helm says to the values of each test that expects a failure. */
async function complaints(suite: string): Promise<string[]> {
  const { tests } = parse(await Deno.readTextFile(`${CHART}/tests/${suite}`)) as {
    readonly tests: readonly SuiteTest[];
  };
  const failing = tests.filter(({ asserts }) => asserts.some((one) => one.failedTemplate));
  return await Promise.all(failing.map(async (test) => {
    // What only a cluster tells is known to helm-unittest alone.
    if (test.kubernetesProvider !== undefined) {
      return test.asserts[0]?.failedTemplate?.errorPattern ?? "";
    }
    const args = (test.capabilities?.apiVersions ?? []).flatMap((one) => ["--api-versions", one]);
    return (await complaint(test.set, args)).replaceAll("\n", " ");
  }));
}

/** What Helm says to values that it must refuse. */
async function complaint(values: unknown, args: readonly string[]): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(nest(values)));
    const { success, stderr } = await template({ valuesFiles: [file], args });
    assert(!success, `Helm takes ${JSON.stringify(values)}`);
    return stderr;
  } finally {
    await Deno.remove(file);
  }
}

/** Values as helm-unittest writes them: `a.b` at the top stands for `b` in `a`. */
function nest(values: unknown): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(values ?? {})) {
    const [first = "", ...rest] = path.split(".");
    result[first] = rest.length === 0 ? value : nest({ [rest.join(".")]: value });
  }
  return result;
}

/** The messages of a template's `fail`s, with anything in the place of what is filled in. */
async function messages(templateFile: string): Promise<RegExp[]> {
  const text = await Deno.readTextFile(`${CHART}/templates/${templateFile}`);
  return [...text.matchAll(/\bfail (?:\(printf )?"((?:[^"\\]|\\.)*)"/g)].map(([, message = ""]) =>
    new RegExp(
      message.replaceAll('\\"', '"').split(/%[sdq]/)
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".+"),
    )
  );
}

/** The suites with values that the templates refuse. */
const SUITES = ["formats_test.yaml", "validations_test.yaml"];

Deno.test("the suites provoke every message of _validations.tpl", async () => {
  const [expected, ...heard] = await Promise.all([
    messages("_validations.tpl"),
    ...SUITES.map(complaints),
  ]);
  assert(expected.length > 0);
  for (const message of expected) {
    assert(heard.flat().some((text) => message.test(text)), `nothing provokes ${message}`);
  }
});
