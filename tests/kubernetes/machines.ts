import type { FixtureTree } from "../harness/fixtures/tree.ts";

/** A machine of bare metal, as far as the agent looks for its port. */
export const METAL: FixtureTree = {
  "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu lm\n",
  "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
  "dev/": "",
  "root/": "",
};

/** A guest of QEMU that nobody gave the port. */
export const GUEST_WITHOUT_PORT: FixtureTree = {
  "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu lm hypervisor\n",
  "sys/class/dmi/id/sys_vendor": "QEMU\n",
  "dev/": "",
  "root/": "",
};

/** A guest of QEMU with the port. */
export const GUEST: FixtureTree = {
  ...GUEST_WITHOUT_PORT,
  "sys/class/virtio-ports/vport1p1/name": "org.qemu.guest_agent.0\n",
  // A pseudo-terminal that nobody talks on.
  "dev/vport1p1": "->/dev/ptmx",
};
