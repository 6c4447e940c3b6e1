import type { Command } from "../protocol/command.ts";
import { guestInfo, guestPing } from "./agent.ts";
import type { CommandContext } from "./context.ts";
import { guestGetDisks } from "./disks.ts";
import { guestGetFsinfo } from "./file_system.ts";
import { guestGetCpustats, guestGetLoad, guestGetVcpus, guestSetVcpus } from "./cpu.ts";
import { guestGetDiskstats } from "./disk_statistics.ts";
import { guestGetMemoryBlockInfo, guestGetMemoryBlocks, guestSetMemoryBlocks } from "./memory.ts";
import { guestNetworkGetInterfaces, guestNetworkGetRoute } from "./network.ts";
import { guestExec, guestExecStatus } from "./exec.ts";
import {
  guestFileClose,
  guestFileFlush,
  guestFileOpen,
  guestFileRead,
  guestFileSeek,
  guestFileWrite,
} from "./files.ts";
import {
  guestFsfreezeFreeze,
  guestFsfreezeFreezeList,
  guestFsfreezeStatus,
  guestFsfreezeThaw,
} from "./freeze.ts";
import { guestGetHostName, guestGetOsinfo } from "./os.ts";
import { guestShutdown } from "./shutdown.ts";
import { guestSuspendDisk, guestSuspendHybrid, guestSuspendRam } from "./suspend.ts";
import { guestSync, guestSyncDelimited } from "./sync.ts";
import { guestGetTime, guestGetTimezone, guestSetTime } from "./time.ts";
import {
  guestGetUsers,
  guestSetUserPassword,
  guestSshAddAuthorizedKeys,
  guestSshGetAuthorizedKeys,
  guestSshRemoveAuthorizedKeys,
} from "./users.ts";
import { guestFstrim } from "./trim.ts";

/** Every command the agent has, in the order in which guest-info lists them. */
export const COMMANDS: readonly Command<CommandContext>[] = [
  guestSync,
  guestSyncDelimited,
  guestPing,
  guestInfo,
  guestGetTime,
  guestSetTime,
  guestGetTimezone,
  guestGetHostName,
  guestGetOsinfo,
  guestNetworkGetInterfaces,
  guestGetFsinfo,
  guestGetDisks,
  guestNetworkGetRoute,
  guestGetVcpus,
  guestSetVcpus,
  guestGetCpustats,
  guestGetLoad,
  guestGetMemoryBlocks,
  guestSetMemoryBlocks,
  guestGetMemoryBlockInfo,
  guestGetDiskstats,
  guestFsfreezeStatus,
  guestFsfreezeFreeze,
  guestFsfreezeFreezeList,
  guestFsfreezeThaw,
  guestFstrim,
  guestShutdown,
  guestSuspendDisk,
  guestSuspendRam,
  guestSuspendHybrid,
  guestGetUsers,
  guestSetUserPassword,
  guestSshGetAuthorizedKeys,
  guestSshAddAuthorizedKeys,
  guestSshRemoveAuthorizedKeys,
  guestFileOpen,
  guestFileClose,
  guestFileRead,
  guestFileWrite,
  guestFileSeek,
  guestFileFlush,
  guestExec,
  guestExecStatus,
];
