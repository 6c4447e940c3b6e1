import type { JsonValue } from "./json_value.ts";

/**
 * Writes a JSON value as QEMU does: ASCII only, `", "` and `": "` between parts, integers exact,
 * doubles with up to 17 significant digits.
 *
 * @throws RangeError for a number that JSON cannot express (NaN, an infinity)
 */
export function writeJson(value: JsonValue): string {
  if (typeof value === "string") return writeString(value);
  if (typeof value === "number") return writeNumber(value);
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return `${value}`;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(", ")}]`;
  let members = "";
  for (const [key, member] of Object.entries(value)) {
    if (members !== "") members += ", ";
    members += `${writeString(key)}: ${writeJson(member)}`;
  }
  return `{${members}}`;
}

// ASCII without what JSON escapes, and without DEL.
const PLAIN = /^[ !#-[\]-~]*$/;
// DEL and everything beyond ASCII.
const NOT_ASCII = /[\u007f-\uffff]/g;

function writeString(text: string): string {
  // All names of members are plain, and most values.
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    NOT_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be written as JSON`);
  if (Object.is(value, -0)) return "-0";
  if (Number.isSafeInteger(value)) return `${value}`;
  return formatSignificant(value, 17);
}

/** A double as C's `%.{digits}g` prints it. */
function formatSignificant(value: number, digits: number): string {
  const [mantissa = "", exponentText = "0"] = value.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= digits) {
    const sign = exponent < 0 ? "-" : "+";
    return `${trimZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return trimZeros(value.toFixed(digits - 1 - exponent));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
