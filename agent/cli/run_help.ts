import { optionsHelp } from "../config/help.ts";

const USAGE = `Usage: qemu-ga-talos [run] [OPTION]...
       qemu-ga-talos call [--local | --path SOCKET] COMMAND [ARGUMENTS]
       qemu-ga-talos check [--output text|json] [--strict] [OPTION]...
       qemu-ga-talos guard [OPTION]...
       qemu-ga-talos version

The QEMU guest agent for Talos Linux. It serves the hypervisor on a virtio-serial port and shuts
the node down through the Talos API.
`;

/** What `--help` prints. */
export function runHelp(): string {
  return `${USAGE}\n${optionsHelp()}`;
}
