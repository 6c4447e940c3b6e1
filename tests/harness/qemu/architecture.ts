import { PROJECT } from "../project.ts";
import { findProgram, isFile } from "./programs.ts";

/** A processor architecture that QEMU emulates here, and where what runs on it is found on this machine. */
export interface Architecture {
  /** As Debian calls it. */
  readonly name: "amd64" | "arm64";
  /** As the kernel calls it (uname(2)). */
  readonly machine: string;
  /** The program that emulates a machine of it. */
  readonly qemu: string;
  /** QEMU's arguments for that machine and its processor. */
  readonly qemuArguments: readonly string[];
  /** The kernel option for its serial console. */
  readonly console: string;
  /** Where scripts/bootstrap unpacked a kernel for it. */
  readonly kernelDirectory: string;
  /** What scripts/bootstrap calls that. */
  readonly part: string;
  /** The words before the path of a program that run it here. */
  readonly emulator: readonly string[];
  /** The words before the path of a program that list the libraries that it loads. */
  readonly listLibraries: readonly string[];
  /** What before the path of a library here is not there on the machine itself. */
  readonly librariesRoot: string;
  /** The agent that ships for it. */
  readonly executable: string;
  /** Where a function's first argument is, as the kernel's probes name it (kprobetrace). */
  readonly firstArgument: string;
}

/** What the tests run on. */
export const AMD64: Architecture = {
  name: "amd64",
  machine: "x86_64",
  qemu: "qemu-system-x86_64",
  qemuArguments: ["-M", "pc", "-cpu", "max"],
  console: "console=ttyS0",
  kernelDirectory: `${PROJECT}/.tools/kernel`,
  part: "vm",
  emulator: [],
  listLibraries: ["ldd"],
  librariesRoot: "",
  executable: "dist/qemu-ga-talos",
  firstArgument: "%di",
};

const ARM64_ROOT = "/usr/aarch64-linux-gnu";

/** The other one that ships. */
export const ARM64: Architecture = {
  name: "arm64",
  machine: "aarch64",
  qemu: "qemu-system-aarch64",
  // Without pointer authentication, which takes long to emulate.
  qemuArguments: ["-M", "virt", "-cpu", "cortex-a72"],
  console: "console=ttyAMA0",
  kernelDirectory: `${PROJECT}/.tools/kernel-arm64`,
  part: "vm-arm64",
  emulator: ["qemu-aarch64-static", "-L", ARM64_ROOT],
  listLibraries: [
    ...["qemu-aarch64-static", "-L", ARM64_ROOT, `${ARM64_ROOT}/lib/ld-linux-aarch64.so.1`],
    ...["--library-path", `${ARM64_ROOT}/lib`, "--list"],
  ],
  librariesRoot: ARM64_ROOT,
  executable: "dist/qemu-ga-talos-arm64",
  firstArgument: "%x0",
};

/**
 * A busybox of the architecture.
 *
 * @throws {Error} if there is none; says how to get it.
 */
export async function findBusybox({ name, kernelDirectory, part }: Architecture): Promise<string> {
  if (name === "amd64") return await findProgram("busybox");
  const path = `${kernelDirectory}/bin/busybox`;
  if (await isFile(path)) return path;
  throw new Error(`no ${path}: run scripts/bootstrap ${part}`);
}

/** A shared library that a program loads. */
export interface SharedLibrary {
  /** Where the dynamic linker looks for it. */
  readonly path: string;
  /** Where it is on this machine. */
  readonly source: string;
}

/**
 * The shared libraries that a program loads, its ELF interpreter among them. Empty for a static program.
 *
 * @throws {Error} if a library is not installed on this machine.
 */
export async function sharedLibraries(
  program: string,
  { listLibraries: [list = "", ...args], librariesRoot }: Architecture = AMD64,
): Promise<SharedLibrary[]> {
  // It fails on a static program, which it says on stderr and which is no error here.
  const { stdout } = await new Deno.Command(list, { args: [...args, program], stderr: "null" })
    .output();
  const libraries: SharedLibrary[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    if (line.includes("not found")) {
      throw new Error(`${program} lacks a shared library: ${line.trim()}`);
    }
    const source = /(\/\S+) \(0x/.exec(line)?.[1];
    if (source === undefined) continue;
    const path = source.startsWith(librariesRoot) ? source.slice(librariesRoot.length) : source;
    libraries.push({ path, source });
  }
  return libraries;
}
