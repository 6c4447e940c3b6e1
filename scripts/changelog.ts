import { stringify } from "yaml";

/** Kinds of changes of https://keepachangelog.com, which are Artifact Hub's, too, in small letters. */
const KINDS: readonly string[] = [
  "Added",
  "Changed",
  "Deprecated",
  "Removed",
  "Fixed",
  "Security",
];

/**
 * What CHANGELOG.md tells of a version, without its heading.
 *
 * @throws {Error} if there is no such section, or nothing in it.
 */
export function changelogSection(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  if (section === undefined) throw new Error(`CHANGELOG.md has no section [${version}]`);
  const body = section.slice(section.indexOf("\n")).trim();
  if (body === "") throw new Error(`the section [${version}] of CHANGELOG.md is empty`);
  return body;
}

/** A change, and the heading that it stands below. */
interface Change {
  readonly kind: string;
  readonly description: string;
}

/** @throws {Error} at a heading that is no kind of change, and at a change before the first heading. */
function changes(section: string): Change[] {
  const found: Change[] = [];
  for (const part of section.split(/^### /m)) {
    if (part.trim() === "") continue;
    const end = `${part}\n`.indexOf("\n");
    const kind = part.slice(0, end).trim();
    if (!KINDS.includes(kind)) {
      throw new Error(`CHANGELOG.md has "${kind}", where one of ${KINDS.join(", ")} should be`);
    }
    for (const item of part.slice(end).split(/^\* /m).slice(1)) {
      found.push({ kind: kind.toLowerCase(), description: item.trim().replaceAll(/\s+/g, " ") });
    }
  }
  return found;
}

/** The annotation `artifacthub.io/changes` for a section of the changelog, as YAML. */
export function artifactHubChanges(section: string): string {
  return stringify(changes(section), { lineWidth: 0 });
}

/** Whether a section of the changelog has security fixes. */
export function hasSecurityFixes(section: string): boolean {
  return changes(section).some(({ kind }) => kind === "security");
}
