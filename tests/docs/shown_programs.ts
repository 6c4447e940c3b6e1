/** A program of others, whose command lines the documentation shows and a suite gives to it. */
export interface ShownProgram {
  readonly name: string;
  /** The folder of tests/ in which it is there. */
  readonly suite: "docs" | "kubernetes" | "libvirt" | "release" | "talosctl";
  /** What it says of a command or an option that it does not know. */
  readonly unknown: RegExp;
  /** What it says of too few or too many arguments. */
  readonly miscounted?: RegExp;
  /** Its arguments in the empty directory, before everything else. */
  readonly prepare?: readonly string[];
}

/** Of programs that read their arguments by Go's cobra. */
const COBRA = {
  unknown: /unknown (?:command|flag|shorthand)|unrecognized command|invalid argument/i,
  miscounted:
    /flag needs an argument|requires (?:at least|exactly|\d)|accepts (?:at most|between|\d)|must be specified|must specify|unexpected args|arguments? expected|required flag/i,
};
/** Of programs that read their arguments by the C library. */
const GETOPT = { unknown: /unrecognized option|invalid option|unknown (?:option|switch)/ };

/** They need neither a cluster nor a registry to read their arguments. */
export const SHOWN_PROGRAMS: readonly ShownProgram[] = [
  { name: "kubectl", suite: "kubernetes", ...COBRA },
  { name: "helm", suite: "kubernetes", ...COBRA },
  { name: "talosctl", suite: "talosctl", ...COBRA },
  { name: "podman", suite: "release", ...COBRA },
  { name: "skopeo", suite: "release", ...COBRA },
  { name: "cosign", suite: "release", ...COBRA },
  {
    ...{ name: "virsh", suite: "libvirt" },
    unknown: /unknown command|doesn't support option/,
    miscounted: /unexpected data|requires --|needs an argument/,
  },
  { name: "git", suite: "docs", ...GETOPT, prepare: ["init", "--quiet"] },
  { name: "grep", suite: "docs", ...GETOPT },
  { name: "sha256sum", suite: "docs", ...GETOPT },
];
