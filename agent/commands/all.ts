import type { Command } from "../protocol/command.ts";
import { guestInfo, guestPing } from "./agent.ts";
import type { CommandContext } from "./context.ts";
import { guestGetDisks } from "./disks.ts";
import { guestGetFsinfo } from "./file_system.ts";
import {
  guestFsfreezeFreeze,
  guestFsfreezeFreezeList,
  guestFsfreezeStatus,
  guestFsfreezeThaw,
} from "./freeze.ts";
import { guestNetworkGetInterfaces } from "./network.ts";
import { guestGetHostName, guestGetOsinfo } from "./os.ts";
import { guestShutdown } from "./shutdown.ts";
import { guestSync, guestSyncDelimited } from "./sync.ts";
import { guestGetTime, guestGetTimezone } from "./time.ts";
import { guestFstrim } from "./trim.ts";

/** Every command the agent has, in the order in which guest-info lists them. */
export const COMMANDS: readonly Command<CommandContext>[] = [
  guestSync,
  guestSyncDelimited,
  guestPing,
  guestInfo,
  guestGetTime,
  guestGetTimezone,
  guestGetHostName,
  guestGetOsinfo,
  guestNetworkGetInterfaces,
  guestGetFsinfo,
  guestGetDisks,
  guestFsfreezeStatus,
  guestFsfreezeFreeze,
  guestFsfreezeFreezeList,
  guestFsfreezeThaw,
  guestFstrim,
  guestShutdown,
];
