import {
  type ArgumentDeclarations,
  type ArgumentType,
  checkMembers,
} from "../../agent/protocol/argument_type.ts";
import { JsonMessageStream } from "../../agent/protocol/json_message_stream.ts";
import { isJsonObject, type JsonValue } from "../../agent/protocol/json_value.ts";
import { QapiError } from "../../agent/protocol/qapi_error.ts";

/** JSON texts of values of all types, and of integers at the edges of the types. */
const VALUES = [
  "null",
  "true",
  "false",
  '""',
  '"text"',
  '"1"',
  "0",
  "1",
  "-1",
  "1.0",
  "1.5",
  "1e3",
  "-0.0",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775809",
  "18446744073709551615",
  "18446744073709551616",
  "1e400",
  "[]",
  '["text"]',
  "[1]",
  "[null]",
  "[[]]",
  "{}",
  '{"x":1}',
];

/** JSON texts, of which some type that has neither items nor members takes one. */
const SCALARS = ["1", '"text"', "true", '"set"'];

/**
 * JSON texts of what may stand behind `"arguments":` in a request that must be refused: for each
 * argument, and each member and item within, left out, of every other type, out of range, given
 * twice; others that are unknown; and two mistakes at once.
 */
export function mistakesIn(declarations: ArgumentDeclarations): string[] {
  const texts = [
    ...["null", "true", '""', "1", "[]", "[{}]"],
    ...structMistakes(declarations),
    ...pairs(declarations),
  ];
  return [...new Set(texts)].filter((text) => !isValid(declarations, text));
}

/** Whether a command would run with these arguments. */
export function isValid(declarations: ArgumentDeclarations, text: string): boolean {
  const value = parse(text);
  if (value === undefined || !isJsonObject(value)) return false;
  try {
    checkMembers(declarations, value);
    return true;
  } catch (error) {
    if (error instanceof QapiError) return false;
    throw error;
  }
}

function structMistakes(members: ArgumentDeclarations): string[] {
  const right = rightMembers(members);
  const texts = ["{}", objectText([...right, ["unknown", "1"]])];
  const twice = objectText([...right, ["unknown", "1"], ["unknown", "1"]]);
  texts.push(twice, objectText([["", "1"], ...right]));
  for (const [name, { type }] of Object.entries(members)) {
    const others = right.filter(([other]) => other !== name);
    texts.push(objectText(others));
    texts.push(objectText([...others, ["unknown", "1"]]));
    texts.push(objectText([...others, [name, rightText(type)], [name, rightText(type)]]));
    for (const wrong of [...VALUES, ...inner(type)]) {
      texts.push(objectText([...others, [name, wrong]]));
      texts.push(objectText([[name, wrong], ...others]));
    }
  }
  return texts;
}

/** Mistakes within a value that itself is of the right type. */
function inner(type: ArgumentType<unknown>): string[] {
  const { items, members } = type;
  if (members !== undefined) return structMistakes(members);
  if (items === undefined) return [];
  return [...VALUES, ...inner(items)].flatMap((
    wrong,
  ) => [`[${wrong}]`, `[${rightText(items)},${wrong}]`]);
}

/** Every two arguments wrong at once: which of them is told? */
function pairs(members: ArgumentDeclarations): string[] {
  const names = Object.keys(members);
  return names.flatMap((first) =>
    names.filter((second) => second !== first).flatMap((second) => [
      objectText([[first, "null"], [second, "null"]]),
      objectText([["unknown", "1"], [first, "null"], [second, "[]"]]),
    ])
  );
}

function rightMembers(members: ArgumentDeclarations): [string, string][] {
  return Object.entries(members)
    .filter(([, { required }]) => required)
    .map(([name, { type }]) => [name, rightText(type)]);
}

function rightText(type: ArgumentType<unknown>): string {
  if (type.members !== undefined) return objectText(rightMembers(type.members));
  if (type.items !== undefined) return `[${rightText(type.items)}]`;
  const text = SCALARS.find((candidate) =>
    isValid({ value: { type, required: true } }, `{"value":${candidate}}`)
  );
  if (text === undefined) throw new Error(`no value of type ${type.name} is known`);
  return text;
}

function objectText(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`;
}

function parse(text: string): JsonValue | undefined {
  const [message] = new JsonMessageStream().feed(new TextEncoder().encode(text));
  return message !== undefined && "value" in message ? message.value : undefined;
}
