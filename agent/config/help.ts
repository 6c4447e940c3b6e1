import { environmentVariable, type Option } from "./option.ts";
import { OPTION_LIST } from "./options.ts";

const WIDTH = 96;
const INDENT = 8;

/** The help text of all options, qemu-ga's first. */
export function optionsHelp(): string {
  const section = (title: string, options: readonly Option[]) =>
    `${title}\n${options.map(optionHelp).join("\n")}`;
  return [
    section("Options of qemu-ga:", OPTION_LIST.filter((option) => option.qemuGa)),
    section("Options of this agent:", OPTION_LIST.filter((option) => !option.qemuGa)),
  ].join("\n\n");
}

function optionHelp(option: Option): string {
  const value = option.placeholder ?? option.choices?.join("|");
  const flag = option.flagValue === undefined
    ? `--${option.name}${value === undefined ? "" : ` ${value}`}`
    : `--${option.name}[=${value}]`;
  const head = option.short === undefined ? `      ${flag}` : `  -${option.short}, ${flag}`;
  const notes: string[] = [];
  if (option.default !== undefined && option.default !== "") {
    notes.push(`default ${option.default}`);
  }
  if (!option.commandLineOnly || option.name === "config") notes.push(environmentVariable(option));
  const text = notes.length === 0 ? option.help : `${option.help} [${notes.join("; ")}]`;
  return `${head}\n${wrap(text)}`;
}

function wrap(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/ |(?<=,)(?=[a-z])/)) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (joined.length > WIDTH - INDENT && line !== "") {
      lines.push(line);
      line = word;
    } else line = joined;
  }
  lines.push(line);
  return lines.map((each) => " ".repeat(INDENT) + each).join("\n");
}
