import { run } from "../harness/command.ts";
import { sharedLibraries } from "../harness/qemu/architecture.ts";
import { type Kernel, readModules } from "../harness/qemu/kernel.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { findTalosProgram, TALOS_FILES } from "./talos_files.ts";
import { TALOS_VERSION, WHICH_TALOS } from "./talos_version.ts";

/** The directories that Talos has, or mounts something on. */
const DIRECTORIES = [
  ..."usr/bin usr/lib/udev/rules.d usr/lib/systemd/network usr/lib/modules usr/lib/firmware".split(
    " ",
  ),
  ..."usr/etc usr/share/cni usr/share/zoneinfo/Etc usr/share/spdx usr/share/xfsprogs/mkfs usr/libexec/kubernetes"
    .split(
      " ",
    ),
  ..."usr/local/share usr/local/lib/kubelet/credentialproviders usr/local/etc/containers".split(
    " ",
  ),
  ..."dev proc sys run system tmp var root boot/EFI mnt .extra".split(" "),
  ..."opt/cni/bin opt/containerd/bin opt/containerd/lib".split(" "),
  ..."etc/iscsi etc/nvme etc/cri/conf.d/hosts etc/kubernetes/manifests etc/cni/net.d".split(" "),
  ..."etc/ssl/certs etc/selinux/targeted/contexts/files etc/containerd etc/lvm".split(" "),
];

const LINKS: Readonly<Record<string, string>> = {
  "bin": "usr/bin",
  "sbin": "usr/bin",
  "lib": "usr/lib",
  "lib64": "usr/lib",
  "usr/sbin": "bin",
  "usr/lib64": "lib",
  "var/run": "../run",
  // udevadm writes its database there.
  "usr/etc/udev": "/run",
  "etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
  "etc/ssl/certs/ca-certificates": "ca-certificates.crt",
  "etc/pki": "/etc/ssl",
  "usr/bin/systemd-udevd": "udevadm",
  ...Object.fromEntries(
    // From 1.14 on the last one, in which Kubernetes runs apart from Talos.
    ["poweroff", "shutdown", "reboot", "dashboard", "sandboxd"]
      .map((name) => [`usr/bin/${name}`, "init"]),
  ),
};

/** Talos mounts files that it writes over them. */
const EMPTY_FILES = [
  ..."etc/extensions.yaml etc/resolv.conf etc/hosts etc/machine-id etc/cri/conf.d/cri.toml".split(
    " ",
  ),
  ..."etc/cri/conf.d/01-registries.part etc/cri/conf.d/20-customization.part".split(" "),
  ..."etc/cri/conf.d/base-spec.json etc/ssl/certs/ca-certificates.crt".split(" "),
  ..."etc/selinux/targeted/contexts/files/file_contexts etc/iscsi/initiatorname.iscsi".split(" "),
  ..."etc/nvme/hostid etc/nvme/hostnqn usr/lib/udev/hwdb.bin".split(" "),
];

/** Talos' own files, by where they go. */
const FILES: Readonly<Record<string, string>> = {
  "containerd.toml": "etc/containerd/config.toml",
  "cri-containerd.toml": "etc/cri/containerd.toml",
  "cri-plugin.part": "etc/cri/conf.d/00-base.part",
  "udevd/99-default.link": "usr/lib/systemd/network/99-default.link",
  "nfsmount.conf": "etc/nfsmount.conf",
  "lvm.conf": "etc/lvm/lvm.conf",
  "zoneinfo/Etc/UTC": "usr/share/zoneinfo/Etc/UTC",
  // It came with 1.13.
  ...(WHICH_TALOS === "older"
    ? {}
    : { "udevd/40-vm-hotadd.rules": "usr/lib/udev/rules.d/40-vm-hotadd.rules" }),
};

/** Programs that are static or bring their libraries, by their name on this machine. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "containerd": "usr/bin/containerd",
  "containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
  "runc": "usr/bin/runc",
  "udevadm": "usr/bin/udevadm",
  "kmod": "usr/bin/modprobe",
  "lvm": "usr/bin/lvm",
  "dmsetup": "usr/bin/dmsetup",
  "cryptsetup": "usr/bin/cryptsetup",
  "mkfs.xfs": "usr/bin/mkfs.xfs",
  "mkfs.ext4": "usr/bin/mkfs.ext4",
  "xfs_growfs": "usr/bin/xfs_growfs",
  "xfs_repair": "usr/bin/xfs_repair",
  "mkfs.fat": "usr/bin/mkfs.vfat",
  "cni-bridge": "opt/cni/bin/bridge",
  "cni-host-local": "opt/cni/bin/host-local",
  "cni-loopback": "opt/cni/bin/loopback",
};

/** What cryptsetup loads when one of its threads ends. */
const THREAD_LIBRARY = "/lib/x86_64-linux-gnu/libgcc_s.so.1";

const OS_RELEASE = `NAME="Talos"
ID=talos
VERSION_ID=${TALOS_VERSION}
PRETTY_NAME="Talos (${TALOS_VERSION})"
`;

/** Debian's, which Talos builds from the same source. */
const UDEV_RULES = [
  ..."50-udev-default 60-block 60-persistent-storage 60-serial 75-net-description".split(" "),
  ..."80-drivers 80-net-setup-link".split(" "),
  // Who makes a device by the device mapper waits for them.
  ..."55-dm 60-persistent-storage-dm 95-dm-notify".split(" "),
];

/** Where containerd is to look for the next; on /etc/cni Talos mounts an empty one from 1.14 on. */
const NETWORK_DIRECTORY = "usr/share/cni";

/** What a network plugin that is installed would configure; without ipMasq it needs no iptables. */
const NETWORK = {
  cniVersion: "1.0.0",
  name: "bridge",
  plugins: [{
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    hairpinMode: true,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.244.0.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  }],
};

/** Built into Talos' kernel: they are loaded before its init. */
export const EARLY_MODULES: readonly string[] = [
  ..."configfs loop squashfs overlay xfs vfat nls_cp437 nls_ascii nls_utf8 dm_mod".split(" "),
  "br_netfilter",
];

/** What udev or Talos loads. */
const MODULES = [
  ..."virtio_pci virtio_blk virtio_scsi virtio_net virtio_console virtio_balloon virtio_rng".split(
    " ",
  ),
  ..."sd_mod sr_mod isofs fuse veth bridge nf_tables nft_chain_nat nft_masq nft_ct nft_limit".split(
    " ",
  ),
  ..."nft_reject_inet nft_compat xt_comment xt_conntrack xt_mark xt_addrtype xt_nat".split(" "),
  ..."iptable_nat iptable_filter dummy tun inet_diag tcp_diag unix_diag udp_diag".split(
    " ",
  ),
  ..."dm_crypt xts aesni_intel algif_skcipher".split(" "),
];

/**
 * Makes the tree that Talos' root file system is: its own init, Debian's tools, and the kernel's modules.
 *
 * @param tree where it is made; it must not exist
 * @throws Error when a program or a module is missing
 */
export async function makeRootFileSystem(tree: string, kernel: Kernel): Promise<void> {
  for (const directory of DIRECTORIES) {
    await Deno.mkdir(`${tree}/${directory}`, { recursive: true });
  }
  for (const [path, target] of Object.entries(LINKS)) await Deno.symlink(target, `${tree}/${path}`);
  for (const path of EMPTY_FILES) await Deno.writeTextFile(`${tree}/${path}`, "");
  for (const [source, path] of Object.entries(FILES)) {
    await Deno.copyFile(`${TALOS_FILES}/${source}`, `${tree}/${path}`);
  }
  await copyProgram(await findTalosProgram("machined"), tree, "usr/bin/init");
  await run("install", "-m", "755", THREAD_LIBRARY, `${tree}/usr/lib/`);
  for (const [name, path] of Object.entries(PROGRAMS)) {
    await copyProgram(await findProgram(name, "talos"), tree, path);
  }
  for (const rule of UDEV_RULES) {
    const name = `${rule}.rules`;
    await Deno.copyFile(`/lib/udev/rules.d/${name}`, `${tree}/usr/lib/udev/rules.d/${name}`);
  }
  const write = (path: string, text: string) => Deno.writeTextFile(`${tree}/${path}`, text);
  await write("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\n");
  await write("etc/group", "root:x:0:\ntty:x:5:\ndisk:x:6:\nkmem:x:9:\n");
  await write("etc/os-release", OS_RELEASE);
  await write(`${NETWORK_DIRECTORY}/10-bridge.conflist`, JSON.stringify(NETWORK));
  const plugin = '[plugins."io.containerd.cri.v1.runtime".cni]';
  await Deno.writeTextFile(
    `${tree}/etc/cri/conf.d/00-base.part`,
    `\n${plugin}\n  conf_dir = "/${NETWORK_DIRECTORY}"\n`,
    { append: true },
  );
  // By the names that versions of Talos ask for, without what Debian's mkfs.xfs does not know.
  const options = await Deno.readTextFile("/usr/share/xfsprogs/mkfs/lts_6.1.conf");
  for (const name of ["lts_6.12.conf", "lts_6.18.conf"]) {
    await write(`usr/share/xfsprogs/mkfs/${name}`, options.replace(/^.*nrext64.*\n/gm, ""));
  }
  await installModules(tree, kernel);
}

async function copyProgram(source: string, tree: string, path: string): Promise<void> {
  await run("install", "-m", "755", source, `${tree}/${path}`);
  for (const library of await sharedLibraries(source)) {
    const name = library.path.slice(library.path.lastIndexOf("/") + 1);
    await run("install", "-m", "755", library.source, `${tree}/usr/lib/${name}`);
  }
}

async function installModules(tree: string, kernel: Kernel): Promise<void> {
  const version = kernel.modules.slice(kernel.modules.lastIndexOf("/") + 1);
  const directory = `${tree}/usr/lib/modules/${version}`;
  await Deno.mkdir(directory);
  for (const { name, object } of await readModules(kernel, [...EARLY_MODULES, ...MODULES])) {
    await Deno.writeFile(`${directory}/${name}.ko`, object);
  }
  for (const list of ["modules.builtin", "modules.builtin.modinfo", "modules.order"]) {
    await Deno.copyFile(`${kernel.modules}/${list}`, `${directory}/${list}`);
  }
  await run("depmod", "--basedir", `${tree}/usr`, version);
}
