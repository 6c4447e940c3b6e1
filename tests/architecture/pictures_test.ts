import { equal, match, ok } from "node:assert/strict";
import { PROJECT } from "../harness/project.ts";

const DIRECTORY = `${PROJECT}/docs/pictures`;
/** A README is read on a telephone, too. */
const MOST_BYTES = 300_000;
/** The one address that a picture may have: the names of XML's languages. */
const NAMESPACE = /xmlns(?::\w+)?="http:\/\/www\.w3\.org\/[^"]*"/g;

const names = Array.from(Deno.readDirSync(DIRECTORY), ({ name }) => name);

for (const name of names) {
  Deno.test(`docs/pictures/${name} is small, scales, and stands for itself`, async () => {
    const picture = await Deno.readTextFile(`${DIRECTORY}/${name}`);
    ok(picture.length <= MOST_BYTES, `it has ${picture.length} bytes`);
    match(picture, /^<svg [^>]*viewBox="0 0 /);
    match(picture, /^<svg [^>]*role="img" aria-labelledby="title description"/);
    match(picture, /<title id="title">[^<]{10,}<\/title>/);
    match(picture, /<desc id="description">[^<]{100,}<\/desc>/);
    const rest = picture.replaceAll(NAMESPACE, "");
    const foreign = /<script|<image|<foreignObject|@import|@font-face/i.exec(rest)?.[0];
    equal(foreign, undefined);
    for (const [, target = ""] of rest.matchAll(/(?:href="|src="|url\()([^")]*)/g)) {
      match(target, /^#/, `${name} refers to something outside of it`);
    }
    const path = /(?<!\/host)\/(?:home|root|tmp)\/[^\s<]*/.exec(rest)?.[0];
    equal(path, undefined, `${name} names a path of the machine that made it`);
  });
}
