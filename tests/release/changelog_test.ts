import assert from "node:assert/strict";
import { parse } from "yaml";
import { artifactHubChanges, changelogSection, hasSecurityFixes } from "../../scripts/changelog.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.1.0] - 2026-01-02

### Security

* A line that
  goes on: "quoted"

### Fixed

* Another

## [1.0.0] - 2026-01-01

### Added

* The first
`;

Deno.test("a section of the changelog becomes Artifact Hub's list of changes", () => {
  const section = changelogSection(CHANGELOG, "1.1.0");
  assert.deepEqual(parse(artifactHubChanges(section)), [
    { kind: "security", description: 'A line that goes on: "quoted"' },
    { kind: "fixed", description: "Another" },
  ]);
  assert.equal(hasSecurityFixes(section), true);
  assert.equal(hasSecurityFixes(changelogSection(CHANGELOG, "1.0.0")), false);
});

Deno.test("a section that is missing, empty or of unknown kinds is refused", () => {
  assert.throws(() => changelogSection(CHANGELOG, "2.0.0"), /has no section \[2\.0\.0\]/);
  assert.throws(() => changelogSection(CHANGELOG, "Unreleased"), /is empty/);
  assert.throws(() => artifactHubChanges("### New\n\n* x"), /"New", where one of Added/);
  assert.throws(() => artifactHubChanges("* x"), /where one of Added/);
});

Deno.test("the project's own changelog is in that form", async () => {
  const sections = (await Deno.readTextFile("CHANGELOG.md")).split(/^## \[.*\].*$/m).slice(1);
  assert.ok(sections.some((section) => parse(artifactHubChanges(section)).length > 0));
});
