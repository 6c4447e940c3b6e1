import assert from "node:assert/strict";
import { requireKnownCommands } from "./command_names.ts";

Deno.test("a name that is no command is refused, by the option that has it", () => {
  const known = { enableCommands: ["guest-exec"], disableCommands: ["guest-ping", "guest-info"] };
  requireKnownCommands(known);
  requireKnownCommands({ enableCommands: [], disableCommands: [] });
  assert.throws(() => requireKnownCommands({ ...known, disableCommands: ["guest-exce"] }), {
    name: "ConfigError",
    message:
      "disable-commands names 'guest-exce', which is no command: --block-rpcs help lists all commands",
  });
});
