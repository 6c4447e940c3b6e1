/** Whether a name matches one of the patterns as a whole; `*` and `?` stand for any characters. */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matches(name, pattern));
}

/** Without a regular expression, which takes longer to make than the whole of this. */
function matches(name: string, pattern: string): boolean {
  let position = 0;
  // Where the last `*` stands, and where in the name what follows it is tried.
  let star = -1;
  let tried = 0;
  let index = 0;
  while (position < name.length) {
    const expected = pattern[index];
    if (expected === "*") {
      star = index++;
      tried = position;
    } else if (expected === "?" || expected === name[position]) {
      index++;
      position++;
    } else if (star < 0) {
      return false;
    } else {
      index = star + 1;
      position = ++tried;
    }
  }
  while (pattern[index] === "*") index++;
  return index === pattern.length;
}
