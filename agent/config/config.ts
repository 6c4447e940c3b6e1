import type { ListenAddress } from "./listen_address.ts";
import type { Option } from "./option.ts";
import type { OPTIONS } from "./options.ts";

type Options = typeof OPTIONS;

/** The value of an option without `default` is undefined when nothing gives one. */
type ValueOf<O extends Option> = O extends { readonly kind: "boolean" } ? boolean
  : O extends { readonly kind: "string" } ? Defaulted<O, string>
  : O extends { readonly kind: "list"; readonly choices: readonly (infer Choice)[] }
    ? Defaulted<O, readonly Choice[]>
  : O extends { readonly kind: "list" } ? Defaulted<O, readonly string[]>
  : O extends { readonly kind: "choice"; readonly choices: readonly (infer Choice)[] } ? Choice
  : O extends { readonly kind: "duration" } ? number
  : O extends { readonly kind: "optional-duration" } ? number | undefined
  : O extends { readonly kind: "listen-address" } ? ListenAddress | undefined
  : O extends { readonly kind: "host-tree" } ? string
  : never;

type Defaulted<O extends Option, T> = O extends { readonly default: string } ? T : T | undefined;

type NotConfigured = { readonly commandLineOnly: true } | { readonly isIgnored: true };

/**
 * Everything that can be configured, validated: a property for each of `OPTIONS`, but for those that only
 * the command line has. Durations are in milliseconds; `none` is undefined. With `daemonize` there is a
 * `pidfile`, and with `verbose` the `logLevel` is `debug`.
 */
export type Config = {
  readonly [Name in keyof Options as Options[Name] extends NotConfigured ? never : Name]: ValueOf<
    Options[Name]
  >;
};

/** Whether there is a way to the Talos API: without one nothing can be shut down. */
export function reachesTalos(config: Pick<Config, "talosconfig" | "talosSocket">): boolean {
  return config.talosconfig !== undefined || config.talosSocket !== undefined;
}
