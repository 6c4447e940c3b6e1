import { readHostName } from "../host/host_name.ts";
import { readOsRelease } from "../host/os_release.ts";
import { readKernelName } from "../linux/kernel_name.ts";
import { defineCommand } from "../protocol/command.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-get-host-name. */
export const guestGetHostName = defineCommand({
  name: "guest-get-host-name",
  summary: "The node's host name.",
  since: "2.10",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => ({ "host-name": readHostName(host) }));

/** QAPI guest-get-osinfo. */
export const guestGetOsinfo = defineCommand({
  name: "guest-get-osinfo",
  summary: "The kernel and the Talos release of the node.",
  since: "2.10",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => {
  const { release: kernelRelease, version: kernelVersion, machine } = readKernelName(host.libc);
  const release = readOsRelease(host);
  return {
    "kernel-release": kernelRelease,
    "kernel-version": kernelVersion,
    machine,
    id: release.id,
    name: release.name,
    "pretty-name": release.prettyName,
    version: release.version,
    "version-id": release.versionId,
    variant: release.variant,
    "variant-id": release.variantId,
  };
});
