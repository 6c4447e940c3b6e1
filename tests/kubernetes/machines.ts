/** Machines that Nodes stand for, as files in `proc`, `sys`, `dev` and `root`. */

import type { FixtureTree } from "../harness/fixtures/tree.ts";

/** A machine that is no guest. */
export const METAL: FixtureTree = {
  "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu lm\n",
  "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
  "proc/sys/kernel/osrelease": "6.12.0-talos\n",
  "dev/null": "",
  "root/": "",
};
/** A guest of QEMU whose hypervisor gives it no port. */
export const GUEST_WITHOUT_PORT: FixtureTree = {
  "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu lm hypervisor\n",
  "sys/class/dmi/id/sys_vendor": "QEMU\n",
  "proc/sys/kernel/osrelease": "6.12.0-talos\n",
  "dev/null": "",
  "root/": "",
};
/** A guest of QEMU as it should be. */
export const GUEST: FixtureTree = {
  ...GUEST_WITHOUT_PORT,
  "sys/class/virtio-ports/vport1p1/name": "org.qemu.guest_agent.0\n",
  // A pseudo-terminal that nobody talks on.
  "dev/vport1p1": "->/dev/ptmx",
};
