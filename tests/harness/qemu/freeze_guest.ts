import type { FakeTalosApi } from "../talos/fake_talos_api_process.ts";
import { DeadlineError } from "../deadline.ts";
import { AMD64, type Architecture } from "./architecture.ts";
import { FreezeTrace } from "./freeze_trace.ts";
import type { Guest } from "./guest.ts";
import { findProgram } from "./programs.ts";
import { bootTalosGuest } from "./talos_guest.ts";

/** Where the host's tree is in the guest: what the agent calls `/`. */
export const ROOT = "/host/root";
/** The agent's marker of a freeze. */
export const MARKER = "/var/run/qga.state.isfrozen";
/** How fast the slow disk can be written. */
export const SLOW_BYTES_PER_SECOND = 12 * 1024 * 1024;

/** A file system of the guest. */
export interface GuestFileSystem {
  /** Where it is mounted, as the agent says it. */
  readonly mountPoint: string;
  readonly type: "ext4" | "xfs";
  /** Its disk in the guest. */
  readonly disk: string;
  /** The disk's number. */
  readonly device: string;
}

/** An ext4 on a throttled disk. */
export const STATE: GuestFileSystem = {
  ...{ mountPoint: "/system/state", type: "ext4", disk: "/dev/vdc", device: "254:32" },
};
/** The node's main file system, an xfs. */
export const VAR: GuestFileSystem = {
  ...{ mountPoint: "/var", type: "xfs", disk: "/dev/vdb", device: "254:16" },
};
/** An ext4, a user's volume. */
export const DATA: GuestFileSystem = {
  ...{ mountPoint: "/var/mnt/data", type: "ext4", disk: "/dev/vda", device: "254:0" },
};
/** All of them in the order in which they are mounted: /var is not the first. */
export const FILE_SYSTEMS: readonly GuestFileSystem[] = [STATE, VAR, DATA];

const SLOW = { timeoutMs: 30_000 };

/** Appends to a file and brings it to the disk, forever. */
const WRITER = `#!/bin/sh
while echo x >>"$1/progress" && sync "$1/progress"; do usleep 50000; done
`;

/** Runs the agent once more, with more options, and keeps its exit status. */
const RESTART_AGENT = `#!/bin/sh
rm -f /run/agent.status
AGENT_OPTIONS="$*" /bin/start-agent &
agent=$!
wait $agent
echo $? >/run/agent.status
`;

/** A guest with three disks, each with a file system, and the agent, which is started by `restart`. */
export class FreezeGuest implements AsyncDisposable {
  readonly guest: Guest;
  readonly trace: FreezeTrace;
  readonly #writing = new Set<string>();

  private constructor(guest: Guest, trace: FreezeTrace) {
    this.guest = guest;
    this.trace = trace;
  }

  /**
   * Boots it; the agent runs, with its default options, and has answered.
   *
   * @param architecture of its processors; only one of amd64 has mkfs.ext4
   */
  static async boot(
    api: FakeTalosApi,
    architecture: Architecture = AMD64,
  ): Promise<FreezeGuest> {
    await using resources = new AsyncDisposableStack();
    const guest = resources.use(
      await bootTalosGuest(api, {
        agentOptions: "$AGENT_OPTIONS",
        guest: {
          modules: ["xfs", "loop"],
          disks: [
            { sizeMiB: 128, fileSystem: "ext4" },
            { sizeMiB: 512, fileSystem: "xfs" },
            { sizeMiB: 128, fileSystem: "ext4", bytesPerSecond: SLOW_BYTES_PER_SECOND },
          ],
          architecture,
          programs: architecture === AMD64
            ? { "/bin/mkfs.ext4": await findProgram("mkfs.ext4") }
            : {},
          files: {
            "/bin/writer": { content: WRITER, mode: 0o755 },
            "/bin/restart-agent": { content: RESTART_AGENT, mode: 0o755 },
          },
        },
      }),
    );
    const trace = await FreezeTrace.start(guest);
    const node = new FreezeGuest(guest, trace);
    // What is written stays in memory until a freeze: then there is something for it to do.
    await node.run(
      "sysctl -w vm.dirty_bytes=200000000 vm.dirty_background_bytes=190000000 " +
        "vm.dirty_writeback_centisecs=0",
    );
    for (const { mountPoint, type, disk } of FILE_SYSTEMS) {
      const path = `${ROOT}${mountPoint}`;
      await node.run(`mkdir -p ${path} && mount -t ${type} ${disk} ${path}`);
    }
    await node.waitForAgent();
    resources.move();
    return node;
  }

  /** Runs a command that must succeed; gives its output. */
  async run(command: string): Promise<string> {
    const { status, stdout, stderr } = await this.guest.run(command, SLOW);
    if (status !== 0) throw new Error(`\`${command}\` exits with ${status}: ${stderr}`);
    return stdout;
  }

  /** Starts a program that writes without end, on what is mounted there. */
  async startWriter(mountPoint: string): Promise<void> {
    await this.run(
      `writer ${ROOT}${mountPoint} >/dev/null 2>&1 & echo $! >/run/writer${pidSuffix(mountPoint)}`,
    );
    this.#writing.add(mountPoint);
  }

  /** Ends it. The file system must not be frozen. */
  async stopWriter(mountPoint: string): Promise<void> {
    this.#writing.delete(mountPoint);
    await this.run(
      `pid=$(cat /run/writer${pidSuffix(mountPoint)}); kill $pid; ` +
        "while [ -d /proc/$pid ]; do usleep 10000; done",
    );
  }

  /** The mount points whose writers have not got on for half a second; sorted. */
  async stoppedWriters(): Promise<string[]> {
    const mountPoints = [...this.#writing].sort();
    const files = mountPoints.map((mountPoint) => `${ROOT}${mountPoint}/progress`).join(" ");
    const sizes = (await this.run(`stat -c %s ${files}; usleep 500000; stat -c %s ${files}`))
      .trim().split("\n");
    return mountPoints.filter((_, index) => sizes[index] === sizes[index + mountPoints.length]);
  }

  /** Writes to the slow disk's file system what a freeze will have to bring to the disk. */
  async dirtySlowDisk(sizeMiB: number): Promise<void> {
    const path = `${ROOT}${STATE.mountPoint}/dirty`;
    // A new file: ext4 writes one that was truncated when it is closed.
    await this.run(`rm -f ${path}; dd if=/dev/zero of=${path} bs=1M count=${sizeMiB} 2>/dev/null`);
  }

  /** Waits until all writers have got on. */
  async waitForWriters(): Promise<void> {
    await Promise.all(Array.from(this.#writing, async (mountPoint) => {
      const size = `$(stat -c %s ${ROOT}${mountPoint}/progress)`;
      await this.run(`size=${size}; while [ ${size} = $size ]; do usleep 50000; done`);
    }));
  }

  /** Starts the agent; it has answered then, and the log is a new one. */
  async startAgent(...options: string[]): Promise<void> {
    await this.run(
      `rm -f /run/agent.pid /run/agent.log; ` +
        `setsid restart-agent ${options.join(" ")} >/dev/null 2>&1 &`,
    );
    await this.waitForAgent();
  }

  /** Starts the guard; it watches then. */
  async startGuard(): Promise<void> {
    await this.run(
      "setsid qemu-ga-talos guard </dev/null >/run/guard.log 2>&1 & " +
        "until grep -q 'guard started' /run/guard.log; do usleep 50000; done",
    );
  }

  /** Stops the agent by SIGTERM; gives its exit status. */
  async stopAgent(): Promise<number> {
    return Number(
      await this.run(
        "kill $(cat /run/agent.pid); while ! [ -s /run/agent.status ]; do usleep 20000; done; " +
          "cat /run/agent.status",
      ),
    );
  }

  /** Waits until the agent answers; asks again, as clients do: a dying agent takes requests with it. */
  async waitForAgent(): Promise<void> {
    await using agent = await this.guest.agent();
    for (let attempt = 1;; attempt++) {
      try {
        await agent.sync({ timeoutMs: 10_000 });
        return;
      } catch (error) {
        if (!(error instanceof DeadlineError) || attempt === 6) throw error;
      }
    }
  }

  /** The lines of the agent's log from `info` on, without those of the audit. */
  async log(): Promise<Record<string, unknown>[]> {
    const lines = (await this.guest.agentLog()).trim().split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
    return lines.filter(({ level, audit }) => level !== "debug" && audit !== true);
  }

  /** Ends the guest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
  }
}

function pidSuffix(mountPoint: string): string {
  return mountPoint.replaceAll("/", ".");
}
