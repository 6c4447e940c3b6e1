import { deepEqual, equal, ok } from "node:assert/strict";
import { main } from "markdownlint-cli2";
import { PROJECT } from "../harness/project.ts";
import { exists, projectFiles } from "./project_files.ts";

async function markdownFiles(): Promise<string[]> {
  return (await projectFiles()).filter((path) => path.endsWith(".md"));
}

/** What is no text: code, in blocks and in lines. */
function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^ *(```+)[^]*?^ *\1 *$/gm, "").replaceAll(/`[^`\n]*`/g, "");
}

/** The anchors that GitHub makes of the headings. */
function anchors(markdown: string): Set<string> {
  const found = new Set<string>();
  const text = markdown.replaceAll(/^ *(```+)[^]*?^ *\1 *$/gm, "");
  for (const [, heading = ""] of text.matchAll(/^#{1,6} (.*)$/gm)) {
    const anchor = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let name = anchor;
    for (let count = 1; found.has(name); count++) name = `${anchor}-${count}`;
    found.add(name);
  }
  return found;
}

Deno.test("markdownlint finds nothing in the Markdown files", async () => {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const status = await main({
    directory: PROJECT,
    argv: [],
    logMessage: log,
    logError: log,
  });
  equal(status, 0, lines.join("\n"));
});

Deno.test("every relative link leads to a file, and to a heading in it", async () => {
  const dead: string[] = [];
  let looked = 0;
  for (const path of await markdownFiles()) {
    const text = withoutCode(await Deno.readTextFile(`${PROJECT}/${path}`));
    const inline = text.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g);
    const references = text.matchAll(/^ *\[[^\]]+\]: *<?(\S+?)>?$/gm);
    for (const [, target = ""] of [...inline, ...references]) {
      if (/^[a-z]+:/.test(target)) continue;
      looked++;
      const [file = "", anchor] = target.split("#");
      const directory = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
      const linked = file === ""
        ? path
        : decodeURIComponent(new URL(file, `file:///${directory}`).pathname.slice(1));
      if (!await exists(linked)) dead.push(`${path}: ${target}`);
      else if (anchor !== undefined && linked.endsWith(".md")) {
        const found = anchors(await Deno.readTextFile(`${PROJECT}/${linked}`));
        if (!found.has(anchor)) dead.push(`${path}: ${target}`);
      }
    }
  }
  deepEqual(dead, []);
  ok(looked > 20, `only ${looked} relative links were found`);
});
