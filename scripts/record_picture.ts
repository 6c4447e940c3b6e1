// Records what a program prints on a terminal, and prints it as SVG. scripts/pictures runs it.
//
//   record_picture.ts demo|check

import { escapeText } from "./picture_sources/svg.ts";

/** What is recorded, and how it is shown. */
interface Recording {
  /** For the shell. */
  readonly command: string;
  readonly title: string;
  readonly description: string;
  readonly columns: number;
  /** Whether it is shown line by line; otherwise only its end is. */
  readonly animated: boolean;
}

/** asciinema's format, version 2: what was printed, after so many seconds. */
type Event = readonly [seconds: number, kind: string, data: string];

const RECORDINGS: Readonly<Record<string, Recording>> = {
  demo: {
    command: "PS4='$ '; set -x; scripts/demo",
    title: "scripts/demo in a terminal",
    description: "A virtual machine boots with the agent. The hypervisor asks for host name, " +
      "operating system and addresses, and the agent answers. It freezes the file system: a " +
      "program that writes waits until the thaw. Then guest-shutdown: the Talos API gets " +
      "Shutdown from the role os:operator, and QEMU reports that the guest has shut down.",
    columns: 92,
    animated: true,
  },
  check: {
    command: "deno run --quiet -A scripts/picture_sources/check_session.ts",
    title: "qemu-ga-talos check in a terminal",
    description: "A line for each thing that was looked at, with ok, warning or failed. One has " +
      "failed, since the host's file systems are mounted without propagation; the line below it " +
      "says what to do.",
    columns: 121,
    animated: false,
  },
};

/** Its dependencies are in the lock file beside this file. */
const SVG_TERM = "npm:svg-term-cli@2.1.1";

/** Each line is shown at least that long, so that it can be read, and no wait is longer. */
const PACE_SECONDS = { least: 0.5, most: 1.2 };
/** How long the last one is. */
const LAST_SECONDS = 5;
/** Runs a program that must succeed. */
async function run(program: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    // The recorded program is to have colours.
    env: { NO_COLOR: "", TERM: "xterm-256color" },
    stdin: "null",
  }).output();
  if (code === 0) return;
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  throw new Error(`${program} ends with status ${code}: ${output}`);
}

/** Splits what was printed into lines, each with a time at which it can be read. */
function pace(events: readonly Event[]): Event[] {
  const lines = events.flatMap(([seconds, kind, data]) =>
    data.split(/(?<=\n)/).map((line): Event => [seconds, kind, line])
  );
  const paced: Event[] = [];
  let last = 0;
  let shown = 0;
  for (const [seconds, kind, line] of lines) {
    shown += Math.min(Math.max(seconds - last, PACE_SECONDS.least), PACE_SECONDS.most);
    last = seconds;
    paced.push([Number(shown.toFixed(2)), kind, line]);
  }
  paced.push([Number((shown + LAST_SECONDS).toFixed(2)), "o", " "]);
  return paced;
}

/** How many rows a terminal needs to show all. */
function countRows(events: readonly Event[], columns: number): number {
  const printed = events.map(([, , data]) => data).join("").trimEnd();
  return printed.split("\n").reduce((rows, line) => {
    // deno-lint-ignore no-control-regex -- the escape sequences of colours begin with a control character
    const { length } = line.replaceAll(/\x1b\[[\d;]*m|\r/g, "");
    return rows + Math.max(1, Math.ceil(length / columns));
  }, 0);
}

/**
 * Adds what svg-term leaves out: a title and a description, a size that can be scaled, and for those who
 * want no motion the last frame.
 */
function finish(drawing: string, { title, description }: Recording): string {
  const [, width, height] = /^<svg [^>]*width="([\d.]+)" height="([\d.]+)"/.exec(drawing) ?? [];
  if (width === undefined) throw new Error("svg-term gives no width and height of its drawing");
  const last = /to\{transform:translateX\((-[\d.]+)px\)\}/.exec(drawing)?.[1];
  const still = "@media (prefers-reduced-motion:reduce){g{animation:none!important}}";
  const drawn = last === undefined ? drawing : drawing
    .replace("</style>", `${still}</style>`)
    .replace('<g style="animation-', `<g transform="translate(${last})" style="animation-`);
  return drawn.replace(
    /^<svg ([^>]*)>/,
    `<svg $1 viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">` +
      `<title id="title">${escapeText(title)}</title>` +
      `<desc id="description">${escapeText(description)}</desc>`,
  ) + "\n";
}

/** Runs the command on a terminal, as asciinema has one, and draws what it has printed. */
async function record(recording: Recording, directory: string): Promise<string> {
  const { command, columns, animated } = recording;
  const cast = `${directory}/recording.cast`;
  const drawing = `${directory}/recording.svg`;
  await run("asciinema", [
    ...["rec", "--quiet", "--cols", String(columns), "--rows", "60"],
    // asciinema itself succeeds whatever the command does.
    ...["--command", `(${command}); echo $? >${directory}/status`, cast],
  ]);
  const [header = "", ...lines] = (await Deno.readTextFile(cast)).trimEnd().split("\n");
  const events = lines.map((line): Event => JSON.parse(line));
  const status = (await Deno.readTextFile(`${directory}/status`)).trim();
  if (status !== "0") {
    const printed = events.map(([, , data]) => data).join("");
    throw new Error(`\`${command}\` ends with status ${status}: ${printed}`);
  }
  const paced = pace(events).map((event) => JSON.stringify(event));
  await Deno.writeTextFile(cast, [header, ...paced].join("\n"));
  await run("deno", [
    ...["run", "--quiet", "--no-config", "--lock=scripts/svg_term.lock", "--frozen", "-A"],
    ...[SVG_TERM, "--in", cast, "--out", drawing, "--window", "--no-cursor"],
    ...["--width", String(columns), "--height", String(countRows(events, columns))],
    ...animated ? [] : ["--at", "3600000"],
  ]);
  return finish(await Deno.readTextFile(drawing), recording);
}

const recording = RECORDINGS[Deno.args[0] ?? ""];
if (recording === undefined) throw new Error(`give one of ${Object.keys(RECORDINGS).join(", ")}`);
const directory = await Deno.makeTempDir({ prefix: "picture-" });
try {
  const picture = await record(recording, directory);
  await Deno.stdout.write(new TextEncoder().encode(picture));
} finally {
  await Deno.remove(directory, { recursive: true });
}
