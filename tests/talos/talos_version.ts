import { PROJECT } from "../harness/project.ts";

/** Which Talos is tried: `older` or `newer` by the environment's TALOS, or the one that always is. */
export const WHICH_TALOS = which(Deno.env.get("TALOS"));

/** The version of Talos that is booted, such as `v1.13.9`. */
export const TALOS_VERSION = await pinned(
  {
    older: "OLDER_TALOS_VERSION",
    usual: "TALOS_VERSION",
    newer: "NEWER_TALOS_VERSION",
  }[WHICH_TALOS],
);

/**
 * The version of Kubernetes that Talos is told, and by which it calls the images. 1.12 takes none above 1.35, so that
 * there the same programs go by another name.
 */
export const KUBERNETES_VERSION = WHICH_TALOS === "older" ? "1.35.0" : "1.36.3";

/** What Talos calls the image of etcd. */
export const ETCD_TAG = { older: "v3.6.7", usual: "v3.6.12", newer: "v3.7.1" }[WHICH_TALOS];

function which(text: string | undefined): "older" | "usual" | "newer" {
  if (text === undefined) return "usual";
  if (text === "older" || text === "newer") return text;
  throw new Error(`TALOS is ${text}, where it can be older or newer, or not set at all`);
}

async function pinned(variable: string): Promise<string> {
  const versions = await Deno.readTextFile(`${PROJECT}/scripts/versions`);
  const version = new RegExp(`^${variable}=(.*)$`, "m").exec(versions)?.[1];
  if (version === undefined) throw new Error(`scripts/versions has no ${variable}`);
  return version;
}
