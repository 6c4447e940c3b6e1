import { isObject, JsonNumber, parseReply, type ReplyValue, show } from "./reply.ts";

/** In what two replies differ. */
export type Aspect =
  /** The number of replies to one request. */
  | "replies"
  /** A byte 0xFF before the reply. */
  | "sentinel"
  /** What qemu-ga answers is not JSON. */
  | "syntax"
  /** A member, or an item of an array, that only one of them has. */
  | "presence"
  /** The JSON type; integer and other numbers are two. */
  | "type"
  /** The order of an array whose items are the same. */
  | "order"
  /** A value of the same type, error classes and texts included. */
  | "value";

/** One thing that is not the same in the replies of the two agents. */
export interface Difference {
  readonly aspect: Aspect;
  /** Where it is: `error.desc`, `return.supported_commands[guest-ping].enabled`. */
  readonly where: string;
  readonly ours: string;
  readonly theirs: string;
}

/** The members that tell the items of an array apart, whatever their order. */
const IDENTITIES = ["name", "logical-id", "phys-index", "cpu", "path"];

/**
 * Compares what the agents have answered to the same input, line by line.
 *
 * @param volatile matches where only the type must be the same, since the value keeps changing
 */
export function compareReplies(
  ours: readonly string[],
  theirs: readonly string[],
  volatile: RegExp = /^$/,
): Difference[] {
  if (ours.length !== theirs.length) {
    return [{ aspect: "replies", where: "", ours: ours.join(" | "), theirs: theirs.join(" | ") }];
  }
  return ours.flatMap((line, index) => compareLines(line, theirs[index] ?? "", volatile));
}

function compareLines(ours: string, theirs: string, volatile: RegExp): Difference[] {
  const sentinel: Difference[] = ours.startsWith("\xff") === theirs.startsWith("\xff")
    ? []
    : [{ aspect: "sentinel", where: "", ours, theirs }];
  if (!/^\xff?[\x20-\x7e]*$/.test(ours)) throw new Error(`the reply is not plain ASCII: ${ours}`);
  const reply = parseReply(ours);
  let theirReply: ReplyValue;
  try {
    theirReply = parseReply(theirs);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [...sentinel, { aspect: "syntax", where: "", ours, theirs }];
  }
  return [...sentinel, ...compareValues(reply, theirReply, "", volatile)];
}

function compareValues(
  ours: ReplyValue,
  theirs: ReplyValue,
  where: string,
  volatile: RegExp,
): Difference[] {
  const differs = (aspect: Aspect): Difference[] => [
    { aspect, where, ours: show(ours), theirs: show(theirs) },
  ];
  if (typeName(ours) !== typeName(theirs)) return differs("type");
  if (isObject(ours) && isObject(theirs)) {
    return compareMembers(
      new Map(Object.entries(ours)),
      new Map(Object.entries(theirs)),
      (name) => where === "" ? name : `${where}.${name}`,
      volatile,
    );
  }
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    const [ourItems, theirItems] = [byIdentity(ours), byIdentity(theirs)];
    const inner = compareMembers(
      ourItems,
      theirItems,
      (name) => `${where}[${name}]`,
      volatile,
    );
    const theirOrder = [...theirItems.keys()].filter((key) => ourItems.has(key));
    const ourOrder = [...ourItems.keys()].filter((key) => theirItems.has(key));
    if (ourOrder.join() === theirOrder.join()) return inner;
    const order = { ours: ourOrder.join(), theirs: theirOrder.join() };
    return [...inner, { aspect: "order", where, ...order }];
  }
  if (show(ours) === show(theirs) || volatile.test(where)) return [];
  return differs("value");
}

function compareMembers(
  ours: ReadonlyMap<string, ReplyValue>,
  theirs: ReadonlyMap<string, ReplyValue>,
  path: (name: string) => string,
  volatile: RegExp,
): Difference[] {
  const differences: Difference[] = [];
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const [our, their] = [ours.get(name), theirs.get(name)];
    if (our === undefined || their === undefined) {
      const sides = { ours: show(our), theirs: show(their) };
      differences.push({ aspect: "presence", where: path(name), ...sides });
    } else {
      differences.push(...compareValues(our, their, path(name), volatile));
    }
  }
  return differences;
}

/** The items of an array by what tells them apart; by their place when nothing does. */
function byIdentity(items: readonly ReplyValue[]): ReadonlyMap<string, ReplyValue> {
  for (const identity of IDENTITIES) {
    const found = new Map<string, ReplyValue>();
    for (const item of items) {
      const key = isObject(item) ? item[identity] : undefined;
      if (key !== undefined) found.set(key instanceof JsonNumber ? key.text : String(key), item);
    }
    if (found.size === items.length) return found;
  }
  return new Map(items.map((item, index) => [String(index), item]));
}

function typeName(value: ReplyValue): string {
  if (value === null) return "null";
  if (value instanceof JsonNumber) return value.isInteger ? "integer" : "number";
  return Array.isArray(value) ? "array" : typeof value;
}
