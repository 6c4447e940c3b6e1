import { bar, mark, svg, text, type Tone } from "./svg.ts";

const DESCRIPTION =
  "Three time lines with the agent, the guard and the file systems. A backup: the " +
  "agent writes a marker, freezes one file system after another, and thaws in the reverse order " +
  "when the client asks for it; the guard watches the marker meanwhile. No thaw is asked for: the " +
  "agent thaws at the time limit, 60 seconds by default; if it has not, the guard does 4 seconds " +
  "later. The agent is killed: the kernel lets go of the marker's lock, and the guard thaws at " +
  "once. In the last two the next guest-fsfreeze-thaw answers with an error, once, so that the " +
  "backup is not taken for consistent.";

const WIDTH = 960;
/** Where a lane's name ends and its time begins. */
const LEFT = 128;
const RIGHT = WIDTH - 24;
const LANES = ["agent", "guard", "file systems"] as const;
const LANE_HEIGHT = 36;
const BAR_HEIGHT = 26;
/** From a story's heading to its lanes; its moments are named in between. */
const HEAD_HEIGHT = 62;
const STORY_HEIGHT = HEAD_HEIGHT + LANES.length * LANE_HEIGHT + 66;

/** What is so on a lane for a while. */
interface Phase {
  readonly lane: typeof LANES[number];
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly tone: Tone;
}

/** What happens at a moment. */
interface Moment {
  readonly at: number;
  readonly label: string;
  readonly anchor?: "start" | "middle" | "end";
  readonly tone?: Tone;
}

interface Story {
  readonly heading: string;
  readonly moments: readonly Moment[];
  readonly phases: readonly Phase[];
  /** When the agent ends, if it does. */
  readonly agentEnds?: number;
  /** What follows; at most two lines. */
  readonly end: readonly string[];
}

const FREEZE: Moment = { at: 150, label: "guest-fsfreeze-freeze", anchor: "start" };
const START: readonly Phase[] = [
  { lane: "agent", from: 150, to: 232, label: "marker", tone: "ours" },
  { lane: "agent", from: 236, to: 330, label: "FIFREEZE", tone: "ours" },
];
const THAW = { label: "FITHAW", tone: "ours" } as const;
const FROZEN = { lane: "file systems", from: 236, label: "frozen: who writes waits" } as const;
const REPORT =
  "The next guest-fsfreeze-thaw answers with an error, once: this backup is not consistent.";

const STORIES: readonly Story[] = [
  {
    heading: "A backup",
    moments: [
      FREEZE,
      { at: 560, label: "guest-fsfreeze-thaw", anchor: "start" },
      { at: 860, label: "time limit, 60 s", anchor: "middle" },
    ],
    phases: [
      ...START,
      { lane: "agent", from: 560, to: 650, ...THAW },
      { lane: "guard", from: 232, to: 650, label: "waits for the marker's lock", tone: "plain" },
      { ...FROZEN, to: 650, tone: "frozen" },
    ],
    end: [
      "/var is frozen last and thawed first. While anything is frozen, log lines wait in memory;",
      "after the thaw the marker is removed, and they are written.",
    ],
  },
  {
    heading: "Nobody asks for the thaw",
    moments: [
      FREEZE,
      { at: 700, label: "time limit, 60 s", anchor: "middle" },
      { at: 836, label: "4 s later", anchor: "middle" },
    ],
    phases: [
      ...START,
      { lane: "agent", from: 700, to: 790, ...THAW },
      { lane: "guard", from: 232, to: 832, label: "waits for the marker's lock", tone: "plain" },
      { lane: "guard", from: 836, to: 926, label: "or FITHAW", tone: "ours" },
      { ...FROZEN, to: 790, tone: "frozen" },
      { lane: "file systems", from: 794, to: 926, label: "or until here", tone: "plain" },
    ],
    end: [
      "The agent thaws by itself at the time limit, the guard for an agent that hangs.",
      REPORT,
    ],
  },
  {
    heading: "The agent is killed",
    moments: [
      FREEZE,
      { at: 520, label: "killed: SIGKILL, out of memory", anchor: "middle", tone: "fault" },
      { at: 860, label: "time limit, 60 s", anchor: "middle" },
    ],
    agentEnds: 520,
    phases: [
      ...START,
      { lane: "guard", from: 232, to: 520, label: "waits for the marker's lock", tone: "plain" },
      { lane: "guard", from: 524, to: 640, label: "gets it: FITHAW", tone: "ours" },
      { ...FROZEN, to: 640, tone: "frozen" },
    ],
    end: [
      "The kernel lets go of the lock of an agent that is dead, and the guard thaws at once.",
      REPORT,
    ],
  },
];

/** What happens from a freeze to its thaw, by whom, and what if the agent cannot. */
export function freeze(): string {
  const top = 20;
  const height = top + STORIES.length * STORY_HEIGHT + 10;
  return svg({
    title: "The time line of a freeze",
    description: DESCRIPTION,
    width: WIDTH,
    height,
    elements: [
      text(RIGHT, 30, "not to scale", { anchor: "end", kind: "faint" }),
      ...STORIES.flatMap((story, index) => drawStory(story, top + index * STORY_HEIGHT)),
    ],
  });
}

function drawStory({ heading, moments, phases, agentEnds, end }: Story, top: number): string[] {
  const lanes = top + HEAD_HEIGHT;
  const bottom = lanes + LANES.length * LANE_HEIGHT;
  return [
    text(24, top + 14, heading, { weight: "bold" }),
    ...LANES.flatMap((lane, index) => {
      const y = lanes + index * LANE_HEIGHT + LANE_HEIGHT / 2;
      return [
        text(24, y + 5, lane),
        `<path class="line" d="M${LEFT} ${y}H${lane === "agent" ? agentEnds ?? RIGHT : RIGHT}"/>`,
      ];
    }),
    ...moments.flatMap(({ at, label, anchor = "start", tone = "plain" }) => [
      mark(at, lanes - 8, bottom, tone),
      text(at, lanes - 14, label, {
        anchor,
        kind: label.startsWith("guest-") ? "code" : "faint",
        tone,
      }),
    ]),
    ...phases.flatMap((phase) => drawPhase(phase, lanes)),
    ...end.map((line, index) => text(LEFT, bottom + 22 + index * 20, line, { kind: "faint" })),
  ];
}

function drawPhase({ lane, from, to, label, tone }: Phase, lanes: number): string[] {
  const y = lanes + LANES.indexOf(lane) * LANE_HEIGHT + (LANE_HEIGHT - BAR_HEIGHT) / 2;
  return [
    bar({ x: from, y, width: to - from, height: BAR_HEIGHT }, tone),
    text((from + to) / 2, y + 18, label, { anchor: "middle", kind: "small" }),
  ];
}
