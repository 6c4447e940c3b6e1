import { integer, required } from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";

/** QAPI guest-sync. libvirt begins with it, and waits for its reply forever. */
export const guestSync = defineCommand({
  name: "guest-sync",
  summary: "Echoes the id, so that a client finds its place in the stream.",
  since: "0.15",
  arguments: { id: required(integer()) },
  reply: "value",
  family: "agent",
  isSync: true,
}, (values) => values.id);

/** QAPI guest-sync-delimited. Proxmox VE has it before each command, and understands no error there. */
export const guestSyncDelimited = defineCommand({
  name: "guest-sync-delimited",
  summary: "Echoes the id behind a byte 0xFF, which cannot occur elsewhere in the stream.",
  since: "1.1",
  arguments: { id: required(integer()) },
  reply: "delimited",
  family: "agent",
  isSync: true,
}, (values) => values.id);
