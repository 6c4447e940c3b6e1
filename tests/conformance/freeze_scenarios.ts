import { type Scenario, single, step } from "./scenario.ts";

const STATUS = step("guest-fsfreeze-status");
const THAW = step("guest-fsfreeze-thaw");

/** Freeze, thaw and trim of the two file systems of the sandbox. */
export const FREEZE_SCENARIOS: readonly Scenario[] = [
  single("guest-fsfreeze-status"),
  single("guest-fsfreeze-thaw"),
  {
    name: "guest-fsfreeze: freeze and thaw",
    steps: [step("guest-fsfreeze-freeze"), STATUS, THAW, STATUS, THAW],
  },
  {
    name: "guest-fsfreeze: what runs while frozen",
    steps: [
      step("guest-fsfreeze-freeze"),
      step("guest-ping"),
      step("guest-sync", '{"id":5}'),
      step("guest-info", undefined, /version/),
      step("guest-fsfreeze-freeze"),
      step("guest-fsfreeze-freeze-list", '{"mountpoints":["/mnt/first"]}'),
      step("guest-get-time"),
      step("guest-get-fsinfo"),
      step("guest-file-open", '{"path":"/etc/hostname"}'),
      step("guest-exec", '{"path":"/bin/true"}'),
      step("guest-fstrim"),
      step("guest-nonexistent"),
      step("guest-shutdown", '{"mode":"dance"}'),
      STATUS,
      THAW,
      step("guest-ping"),
    ],
  },
  ...[
    '{"mountpoints":["/mnt/second"]}',
    '{"mountpoints":["/mnt/first","/mnt/second"]}',
    '{"mountpoints":["/mnt/first","/nonexistent"]}',
    '{"mountpoints":["/mnt/first/"]}',
    '{"mountpoints":[]}',
    "{}",
  ].map((list): Scenario => ({
    name: `guest-fsfreeze-freeze-list ${list}`,
    steps: [step("guest-fsfreeze-freeze-list", list), STATUS, THAW, STATUS],
  })),
  single("guest-fstrim", undefined, { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":0}', { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":65536}', { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":-1}', { volatile: /trimmed$/ }),
  single("guest-fstrim", '{"minimum":9223372036854775807}', { volatile: /trimmed$/ }),
];
