import { registerShownCommandsTests } from "./shown_commands.ts";

registerShownCommandsTests("docs");
