// Prints docs/pictures/architecture.svg or freeze.svg. scripts/generate runs it.
//
//   generate_pictures.ts architecture|freeze

import { architecture } from "./picture_sources/architecture.ts";
import { freeze } from "./picture_sources/freeze.ts";

const PICTURES: Readonly<Record<string, () => string>> = { architecture, freeze };
const picture = PICTURES[Deno.args[0] ?? ""];
if (picture === undefined) throw new Error(`give one of ${Object.keys(PICTURES).join(", ")}`);
await Deno.stdout.write(new TextEncoder().encode(picture()));
