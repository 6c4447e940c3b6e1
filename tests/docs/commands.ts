import type { CodeBlock } from "./pages.ts";

/** A simple command of a shell: a program and its arguments. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** `PAGE:LINE` of its block. */
  readonly place: string;
}

/** One word, a comment up to the end of the line, or what ends a command. */
const TOKEN =
  /(?<comment>(?<=^|\s)#.*$)|(?<end>&&|\|\||[;|\n])|(?<word>(?:'[^']*'|"[^"]*"|[^\s'";|&#]|&(?!&)|(?<=\S)#)+)/gm;

/**
 * The commands of a block, of pipes and lists each one, without comments, redirections and variables that are
 * set in front of them. What a shell would expand stays as it is.
 */
export function commandsOf({ text, place }: CodeBlock): ShellCommand[] {
  const commands: string[][] = [[]];
  for (const { groups } of text.replaceAll(/\\\n\s*/g, " ").matchAll(TOKEN)) {
    if (groups?.["end"] !== undefined) commands.push([]);
    const word = groups?.["word"];
    if (word !== undefined) commands.at(-1)?.push(word.replaceAll(/^(['"])(.*)\1$/g, "$2"));
  }
  return commands.map(withoutVariables).filter((words) => words.length > 0)
    .map((words) => ({ words, place }));
}

function withoutVariables(words: readonly string[]): string[] {
  const first = words.findIndex((word) => !/^[A-Z_a-z]+=/.test(word));
  return first < 0 ? [] : words.slice(first).filter((word) => !/^[0-9]*[<>]/.test(word));
}

/** What a command starts in its turn: behind `kubectl exec ... --`, `sudo` and the like. */
export function innermost({ words, place }: ShellCommand): ShellCommand {
  const separator = words.indexOf("--");
  return separator < 0 ? { words, place } : { words: words.slice(separator + 1), place };
}
