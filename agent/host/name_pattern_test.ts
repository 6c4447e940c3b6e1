import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { matchesAny } from "./name_pattern.ts";

Deno.test("a name matches as a whole", () => {
  const matching = (name: string, ...patterns: string[]): boolean => matchesAny(name, patterns);
  assert.ok(matching("eth0", "lo", "eth?"));
  assert.ok(matching("/var/lib/a.b/c", "/var/*.b/?"));
  assert.ok(matching("aXbXc", "*X?"));
  assert.ok(matching("", "*"));
  assert.ok(matching("a*", "a*"));
  assert.ok(!matching("eth10", "eth?", "th*", "eth"));
  assert.ok(!matching("eth0x100", "eth0.100"));
  assert.ok(!matching("", "?"));
  assert.ok(!matching("a", ""));
  assert.ok(!matching("a"));
});

Deno.test("patterns mean what the regular expression with the same meaning means", async () => {
  const text = fc.array(fc.constantFrom("a", "b", ".", "\n", "[", "\\"), { maxLength: 8 });
  const pattern = fc.array(fc.constantFrom("a", "b", ".", "[", "\\", "*", "?"), { maxLength: 8 });
  await checkProperty("patterns", fc.tuple(text, pattern), ([letters, parts]) => {
    const source = parts.map((part) =>
      part === "*" ? ".*" : part === "?" ? "." : part.replace(/[.[\\]/, "\\$&")
    ).join("");
    const name = letters.join("");
    assert.equal(matchesAny(name, [parts.join("")]), new RegExp(`^${source}$`, "s").test(name));
  }, 2_000);
});
