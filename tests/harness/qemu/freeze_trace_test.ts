import { deepEqual } from "node:assert/strict";
import { parseFreezeTrace } from "./freeze_trace.ts";

Deno.test("the kernel's lines become calls and signals", () => {
  const text = `# tracer: nop
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
        worker-1-176     [000] .....     8.062740: freeze: (freeze_super+0x0/0x170) dev=0xfe00000
              sh-99      [000] d....     8.070000: signal_generate: sig=15 errno=0 code=0 comm=qemu-ga-talos pid=114 grp=1 res=0
        worker-2-177     [000] .....     8.080000: thaw: (thaw_super+0x0/0x20) dev=0xfe00010
        worker-1-176     [000] .....     8.110265: freeze_end: (__x64_sys_ioctl+0x6e/0xd0 <- freeze_super) ret=0
        worker-2-177     [000] .....     8.120000: thaw_end: (__x64_sys_ioctl+0x6e/0xd0 <- thaw_super) ret=-22
        worker-1-176     [000] .....     8.130000: freeze: (freeze_super+0x0/0x170) dev=0x700000
`;
  deepEqual(parseFreezeTrace(text), {
    calls: [
      { kind: "freeze", device: "254:0", thread: 176, began: 8.06274, ended: 8.110265, result: 0 },
      { kind: "thaw", device: "254:16", thread: 177, began: 8.08, ended: 8.12, result: -22 },
      {
        kind: "freeze",
        device: "7:0",
        thread: 176,
        began: 8.13,
        ended: undefined,
        result: undefined,
      },
    ],
    signals: [{ signal: 15, process: 114, time: 8.07 }],
  });
});
