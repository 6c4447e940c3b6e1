import { PROJECT } from "../harness/project.ts";

/** A block of code of a page. */
export interface CodeBlock {
  /** What stands behind the fence; empty for an indented block. */
  readonly language: string;
  readonly text: string;
  /** `PAGE:LINE`, where it begins. */
  readonly place: string;
}

/** A piece of code within a sentence. */
export interface InlineCode {
  readonly code: string;
  /** `PAGE:LINE`. */
  readonly place: string;
}

/** A page of the documentation. */
export interface Page {
  /** Below the project, as `docs/install.md`. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
  readonly inline: readonly InlineCode[];
}

/** Pages outside of docs/. What CHANGELOG.md names was true when it was written. */
const OTHERS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "chart/README.md"];

/** All pages of the documentation, sorted. */
export async function readPages(): Promise<Page[]> {
  const paths = [...await markdownBelow("docs"), ...OTHERS].sort();
  const pages: Page[] = [];
  for (const path of paths) {
    const text = await readIfThere(`${PROJECT}/${path}`);
    if (text !== undefined) pages.push({ path, text, ...codeOf(path, text) });
  }
  return pages;
}

/** The commands at the top of each example of values, where they are indented. */
export async function readExamples(): Promise<CodeBlock[]> {
  const directory = "docs/examples";
  const blocks: CodeBlock[] = [];
  for await (const { name } of Deno.readDir(`${PROJECT}/${directory}`)) {
    if (!name.endsWith(".yaml")) continue;
    const [top = ""] = (await Deno.readTextFile(`${PROJECT}/${directory}/${name}`)).split("\n\n");
    for (const [index, line] of top.split("\n").entries()) {
      const text = /^# {6}(\S.*)$/.exec(line)?.[1];
      if (text !== undefined) {
        blocks.push({ language: "sh", text, place: `${directory}/${name}:${index + 1}` });
      }
    }
  }
  return blocks;
}

async function markdownBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${PROJECT}/${directory}`)) {
    const path = `${directory}/${name}`;
    if (isDirectory) found.push(...await markdownBelow(path));
    else if (name.endsWith(".md") && !name.startsWith(".")) found.push(path);
  }
  return found;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The code of a page's Markdown, as `deno fmt` leaves it. */
export function codeOf(path: string, text: string): Pick<Page, "blocks" | "inline"> {
  const blocks: { language: string; lines: string[]; place: string }[] = [];
  const sentences: string[] = [];
  let fence: string | undefined;
  let indented = false;
  for (const [index, line] of text.split("\n").entries()) {
    const place = `${path}:${index + 1}`;
    const mark = /^ *(```+)\s*(\S*)/.exec(line);
    const isIndented: boolean = fence === undefined && /^ {4}\S/.test(line) &&
      (indented || (sentences.at(-1) ?? "") === "");
    if (fence === undefined && mark !== null) {
      fence = mark[1];
      blocks.push({ language: mark[2] ?? "", lines: [], place });
    } else if (fence !== undefined && line.trim() === fence) fence = undefined;
    else if (fence !== undefined) blocks.at(-1)?.lines.push(line);
    else if (isIndented) {
      if (!indented) blocks.push({ language: "", lines: [], place });
      blocks.at(-1)?.lines.push(line.slice(4));
    }
    indented = isIndented;
    sentences.push(fence !== undefined || mark !== null || isIndented ? "" : line);
  }
  return {
    blocks: blocks.map(({ lines, ...block }) => ({ ...block, text: lines.join("\n") })),
    inline: inlineOf(path, sentences.join("\n")),
  };
}

/** Also what a line break divides. */
function inlineOf(path: string, text: string): InlineCode[] {
  const paragraphs = text.matchAll(/(?:.+\n?)+/g);
  return Array.from(paragraphs).flatMap((paragraph) =>
    Array.from(paragraph[0].matchAll(/`([^`]+)`/g), ({ 1: code = "", index }) => {
      const line = text.slice(0, paragraph.index + index).split("\n").length;
      return { code: code.replaceAll(/\s+/g, " "), place: `${path}:${line}` };
    })
  );
}
