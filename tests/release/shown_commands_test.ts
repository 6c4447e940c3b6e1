import { registerShownCommandsTests } from "../docs/shown_commands.ts";

registerShownCommandsTests("release");
