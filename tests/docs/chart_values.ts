/** Whether the values of a chart have this path; below an empty map or a list the user's own names come. */
export function hasValue(values: unknown, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return true;
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    return values === null;
  }
  const members = Object.entries(values);
  if (members.length === 0) return true;
  const member = members.find(([key]) => key === name);
  return member !== undefined && hasValue(member[1], rest);
}
