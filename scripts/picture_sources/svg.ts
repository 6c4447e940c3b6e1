/** A drawing as a whole. */
export interface Drawing {
  /** What it shows, in a few words. */
  readonly title: string;
  /** The same for people who do not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  /** Its elements, in the order in which they are painted. */
  readonly elements: readonly string[];
}

/** How something is painted; see `STYLE`. */
export type Tone = "plain" | "ours" | "frozen" | "fault";

/** A rectangle. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where a text starts, ends, or has its middle. */
export interface TextOptions {
  readonly anchor?: "start" | "middle" | "end";
  readonly weight?: "normal" | "bold";
  /** All but `normal` are smaller. */
  readonly kind?: "normal" | "small" | "faint" | "code";
  readonly tone?: Tone;
}

type Point = readonly [number, number];

const LINE_HEIGHT = 20;
const PADDING = 14;

/** The drawing has a background of its own: a page's scheme need not be the one that is preferred. */
const STYLE = `
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 14px; fill: #1f2328 }
.bold { font-weight: 600 }
.small { font-size: 13px }
.faint { font-size: 13px; fill: #59636e }
.code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12.5px }
.background { fill: #ffffff; stroke: #d1d9e0 }
.group { fill: none; stroke: #818b98; stroke-dasharray: 5 4 }
.box { stroke-width: 1.5 }
.plain { fill: #f6f8fa; stroke: #818b98 }
.ours { fill: #ddf4ff; stroke: #0969da }
.frozen { fill: #b6e3ff; stroke: #0969da }
.fault { fill: #ffebe9; stroke: #cf222e }
text.ours { fill: #0969da; stroke: none }
text.fault { fill: #cf222e; stroke: none }
.line { fill: none; stroke: #59636e; stroke-width: 1.5 }
.line.ours { stroke: #0969da }
.line.fault { stroke: #cf222e }
.mark { stroke-dasharray: 3 4; stroke-width: 1 }
.head { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.faint { fill: #9198a1 }
.background { fill: #0d1117; stroke: #3d444d }
.group { stroke: #656c76 }
.plain { fill: #151b23; stroke: #656c76 }
.ours { fill: #121d2f; stroke: #4493f8 }
.frozen { fill: #1f4a7d; stroke: #4493f8 }
.fault { fill: #25171c; stroke: #f85149 }
text.ours { fill: #4493f8 }
text.fault { fill: #f85149 }
.line { fill: none; stroke: #9198a1 }
.line.ours { stroke: #4493f8 }
.line.fault { stroke: #f85149 }
.head { fill: #9198a1 }
}`;

/** The drawing as the text of an SVG file. */
export function svg({ title, description, width, height, elements }: Drawing): string {
  const background = `<rect class="background" x="0.5" y="0.5" width="${width - 1}" ` +
    `height="${height - 1}" rx="8"/>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escapeText(title)}</title>`,
    `<desc id="description">${escapeText(description)}</desc>`,
    `<style>${STYLE}\n</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" ' +
    'markerHeight="7" orient="auto-start-reverse"><path class="head" d="M0 0L8 4L0 8z"/>' +
    "</marker></defs>",
    background,
    ...elements,
    "</svg>",
    "",
  ].join("\n");
}

/** A line of text; `y` is that of its base line. */
export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { anchor = "start", weight = "normal", kind = "normal", tone = "plain" } = options;
  const classes = [
    ...weight === "bold" ? ["bold"] : [],
    ...kind === "normal" ? [] : [kind],
    ...tone === "plain" ? [] : [tone],
  ];
  const attributes = [
    `x="${x}" y="${y}"`,
    ...anchor === "start" ? [] : [`text-anchor="${anchor}"`],
    ...classes.length === 0 ? [] : [`class="${classes.join(" ")}"`],
  ];
  return `<text ${attributes.join(" ")}>${escapeText(content)}</text>`;
}

/** A box with a name and lines of text below it. */
export function box(
  { x, y, width, height }: Rectangle,
  name: string,
  lines: readonly string[],
  tone: Tone = "plain",
): string[] {
  const top = y + PADDING + 10;
  return [
    bar({ x, y, width, height }, tone),
    text(x + PADDING, top, name, { weight: "bold" }),
    ...lines.map((line, index) =>
      text(x + PADDING, top + (index + 1) * LINE_HEIGHT + 2, line, { kind: "faint" })
    ),
  ];
}

/** A filled rectangle without text. */
export function bar({ x, y, width, height }: Rectangle, tone: Tone): string {
  return `<rect class="box ${tone}" x="${x}" y="${y}" width="${width}" height="${height}" rx="5"/>`;
}

/** A dashed frame around what belongs together. */
export function group({ x, y, width, height }: Rectangle, name: string): string[] {
  return [
    `<rect class="group" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>`,
    text(x + PADDING, y + 24, name, { weight: "bold" }),
  ];
}

/** An arrow from one point to another; `both` gives it two heads. */
export function arrow(from: Point, to: Point, both = false): string {
  const start = both ? ' marker-start="url(#head)"' : "";
  return `<path class="line" d="M${from.join(" ")}L${to.join(" ")}"${start} ` +
    'marker-end="url(#head)"/>';
}

/** A thin vertical line that marks a moment. */
export function mark(x: number, top: number, bottom: number, tone: Tone = "plain"): string {
  const more = tone === "plain" ? "" : ` ${tone}`;
  return `<path class="line mark${more}" d="M${x} ${top}V${bottom}"/>`;
}

/** Text as XML has it between tags. */
export function escapeText(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
