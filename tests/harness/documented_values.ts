import { parseAllDocuments } from "yaml";
import { PROJECT } from "./project.ts";

/** A values file of the chart that a page of the documentation shows. */
export interface DocumentedValues {
  /** The page, as `docs/install.md`. */
  readonly page: string;
  /** The file's name, as `values.yaml`, which its first line tells; empty where that is no comment. */
  readonly name: string;
  readonly text: string;
}

/** Members at the top of what is no values file: of Talos' machine configuration, Kubernetes' objects, Prometheus. */
const OTHER_FILES = ["apiVersion", "cluster", "machine", "scrape_configs"];

/** The agent's own file, in comments of documentation as in the chart. */
const AGENT_FILE = "qga.yaml";

/** All values files that the documentation shows, in its order. */
export async function documentedValues(): Promise<DocumentedValues[]> {
  const pages = ["README.md", "chart/README.md"];
  for (const directory of ["docs", "docs/reference"]) {
    for await (const { name } of Deno.readDir(`${PROJECT}/${directory}`)) {
      if (name.endsWith(".md")) pages.push(`${directory}/${name}`);
    }
  }
  const found: DocumentedValues[] = [];
  for (const page of pages.sort()) {
    const markdown = await Deno.readTextFile(`${PROJECT}/${page}`);
    for (const [, text = ""] of markdown.matchAll(/^```yaml\n(.*?)^```$/gms)) {
      const members = parseAllDocuments(text).flatMap((document) =>
        Object.keys(document.toJS() as Record<string, unknown>)
      );
      if (members.some((member) => OTHER_FILES.includes(member))) continue;
      const name = /^# (\S+\.yaml)$/m.exec(text)?.[1] ?? "";
      if (name !== AGENT_FILE) found.push({ page, name, text });
    }
  }
  return found;
}
