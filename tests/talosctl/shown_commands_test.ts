import { registerShownCommandsTests } from "../docs/shown_commands.ts";

registerShownCommandsTests(
  "talosctl",
  (name) => Promise.resolve([Deno.env.get("TALOSCTL") ?? name]),
);
