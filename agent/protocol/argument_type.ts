import { isJsonObject, type JsonObject, type JsonValue } from "./json_value.ts";
import { LongString } from "./long_string.ts";
import { QapiError } from "./qapi_error.ts";

/** A QAPI type of an argument. `check` turns the wire's value into the handler's. */
export interface ArgumentType<T> {
  /** The type's name as the schema and the documentation have it. */
  readonly name: string;
  /** Of an array: the type of its items. */
  readonly items?: ArgumentType<unknown>;
  /** Of a struct: its members. */
  readonly members?: ArgumentDeclarations;
  /**
   * @param value what the client sent
   * @param path where it stands, such as `vcpus[0].online`
   * @throws QapiError in QEMU's words when the value is not of this type or out of range
   */
  check(value: JsonValue, path: string): T;
}

/** An argument of a command, or a member of a struct. */
export interface Argument<T> {
  readonly type: ArgumentType<T>;
  readonly required: boolean;
}

/** Arguments by name, in the order in which they are checked. */
export type ArgumentDeclarations = Readonly<Record<string, Argument<unknown>>>;

/** The values of declared arguments, as the handler gets them. */
export type ArgumentValues<D extends ArgumentDeclarations> = {
  readonly [Name in keyof D]: D[Name] extends Argument<infer T> ? T : never;
};

/** An argument that must be given. */
export function required<T>(type: ArgumentType<T>): Argument<T> {
  return { type, required: true };
}

/** An argument that may be left out; null is not leaving it out. */
export function optional<T>(type: ArgumentType<T>): Argument<T | undefined> {
  return { type, required: false };
}

const MINIMUM_INT64 = -(2n ** 63n);
const MAXIMUM_INT64 = 2n ** 63n - 1n;

/**
 * QAPI `int`: an integer literal in the range of int64, or in a narrower one.
 *
 * @param minimum least value allowed, inclusive
 * @param maximum greatest value allowed, inclusive
 */
export function integer(minimum = MINIMUM_INT64, maximum = MAXIMUM_INT64): ArgumentType<bigint> {
  return {
    name: "int",
    check(value, path) {
      if (typeof value !== "bigint" || value < MINIMUM_INT64 || value > MAXIMUM_INT64) {
        throw wrongType(path, "integer");
      }
      if (value < minimum || value > maximum) {
        throw new QapiError(`value '${value}' is invalid for argument ${path}`);
      }
      return value;
    },
  };
}

const MAXIMUM_UINT64 = 2n ** 64n - 1n;

/** QAPI `uint64`: an integer literal. A negative one in the range of int64 wraps around, as in QEMU. */
export function unsignedInteger(): ArgumentType<bigint> {
  return {
    name: "uint64",
    check(value, path) {
      if (typeof value !== "bigint" || value < MINIMUM_INT64 || value > MAXIMUM_UINT64) {
        throw new QapiError(`Parameter '${path}' expects uint64`);
      }
      return BigInt.asUintN(64, value);
    },
  };
}

/**
 * Texts that are not data, such as paths and arguments of programs, are for the kernel, which takes no more than
 * this for all arguments of a program together (execve(2)).
 */
const LONGEST_TEXT = 2 * 1024 * 1024;

/** QAPI `str`. */
export function string(): ArgumentType<string> {
  return {
    name: "str",
    check: checkText,
  };
}

/** QAPI `str` of base64, for `decodeBase64`: a long one never is a JavaScript string. */
export function base64(): ArgumentType<string | LongString> {
  return {
    name: "str",
    check: (value, path) => value instanceof LongString ? value : checkText(value, path),
  };
}

/** QAPI `bool`. */
export function boolean(): ArgumentType<boolean> {
  return {
    name: "bool",
    check(value, path) {
      if (typeof value !== "boolean") throw wrongType(path, "boolean");
      return value;
    },
  };
}

/** A QAPI enum: one of the given words. */
export function enumeration<const W extends string>(
  name: string,
  words: readonly W[],
): ArgumentType<W> {
  return {
    name,
    check(value, path) {
      const text = checkText(value, path);
      const word = words.find((candidate) => candidate === text);
      if (word === undefined) {
        throw new QapiError(`Parameter '${path}' does not accept value '${text}'`);
      }
      return word;
    },
  };
}

/** The types that an alternate chooses among, by the JSON type that is on the wire. */
export interface AlternateBranches<N, B, S> {
  readonly number?: ArgumentType<N>;
  readonly boolean?: ArgumentType<B>;
  readonly string?: ArgumentType<S>;
}

/** A QAPI alternate: the JSON type of the value says which of the branches it is. */
export function alternate<N = never, B = never, S = never>(
  name: string,
  branches: AlternateBranches<N, B, S>,
): ArgumentType<N | B | S> {
  return {
    name,
    check(value, path) {
      const branch = branchOf(branches, value);
      if (branch === undefined) throw wrongType(path, name);
      return branch.check(value, path);
    },
  };
}

/** A QAPI array: `[type]`. */
export function array<T>(items: ArgumentType<T>): ArgumentType<readonly T[]> {
  return {
    name: `[${items.name}]`,
    items,
    check(value, path) {
      if (!Array.isArray(value)) throw wrongType(path, "array");
      return value.map((item: JsonValue, index) => items.check(item, `${path}[${index}]`));
    },
  };
}

/** A QAPI struct with the given members. */
export function struct<D extends ArgumentDeclarations>(
  name: string,
  members: D,
): ArgumentType<ArgumentValues<D>> {
  return {
    name,
    members,
    check(value, path) {
      if (!isJsonObject(value)) throw wrongType(path, "object");
      return checkMembers(members, value, `${path}.`);
    },
  };
}

/**
 * Checks an object against declared members: each in the order of its declaration, then whether there
 * are others. `prefix` stands before each name in an error.
 *
 * @throws QapiError in QEMU's words for the first mistake
 */
export function checkMembers<D extends ArgumentDeclarations>(
  members: D,
  object: JsonObject,
  prefix = "",
): ArgumentValues<D> {
  const checked: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(members)) {
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    if (value !== undefined) checked[name] = member.type.check(value, prefix + name);
    else if (member.required) throw new QapiError(`Parameter '${prefix}${name}' is missing`);
  }
  for (const name of Object.keys(object)) {
    if (!Object.hasOwn(members, name)) {
      throw new QapiError(`Parameter '${prefix}${name}' is unexpected`);
    }
  }
  // Each member has just been given the value that its declared type returned.
  return checked as ArgumentValues<D>;
}

function checkText(value: JsonValue, path: string): string {
  if (typeof value === "string") return value;
  if (!(value instanceof LongString)) throw wrongType(path, "string");
  if (value.length <= LONGEST_TEXT) return value.toString();
  throw new QapiError(
    `Parameter '${path}' is too long: ${value.length} bytes, and a text can have ${LONGEST_TEXT}`,
  );
}

function branchOf<N, B, S>(
  branches: AlternateBranches<N, B, S>,
  value: JsonValue,
): ArgumentType<N | B | S> | undefined {
  if (value instanceof LongString) return branches.string;
  const kind = typeof value === "bigint" ? "number" : typeof value;
  return kind === "number" || kind === "boolean" || kind === "string" ? branches[kind] : undefined;
}

function wrongType(path: string, expected: string): QapiError {
  return new QapiError(`Invalid parameter type for '${path}', expected: ${expected}`);
}
