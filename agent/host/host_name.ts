import { readKernelName } from "../linux/kernel_name.ts";
import { LibcError } from "../linux/libc.ts";
import { enterUtsNamespace } from "../linux/uts_namespace.ts";
import type { Host } from "./host.ts";

/**
 * The machine's host name. A container may have one of its own, as those of Talos' extension services have:
 * then this thread enters the namespace of the host's first process. Where it may not, the container's name
 * is all that is known.
 *
 * @throws LibcError
 */
export function readHostName(host: Host): string {
  try {
    enterUtsNamespace(host.libc, host.procPath("1/ns/uts"));
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
  }
  return readKernelName(host.libc).hostName;
}
