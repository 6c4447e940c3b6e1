import assert from "node:assert/strict";
import { parseEndpoint } from "./endpoint.ts";
import { confirmOwnNode } from "./own_node.ts";

const node = { hostName: () => "W-3.example.com", ownAddresses: () => ["10.0.0.3", "fd00::3"] };

async function confirm(endpoint: string, theirs: string): Promise<number> {
  let asked = 0;
  await confirmOwnNode(parseEndpoint(endpoint), node, () => {
    asked++;
    return Promise.resolve(theirs);
  });
  return asked;
}

Deno.test("this machine's addresses are not asked for their name", async () => {
  for (const endpoint of ["127.0.0.1", "[::1]", "10.0.0.3:50000", "fd00:0::3"]) {
    assert.equal(await confirm(endpoint, "another"), 0);
  }
});

Deno.test("another address must say our name, whatever its case and domain", async () => {
  for (const theirs of ["w-3", "W-3", "w-3.other.domain"]) {
    assert.equal(await confirm("10.0.0.9", theirs), 1);
  }
});

Deno.test("another name, or none, is another node", async () => {
  for (const theirs of ["cp-1", "w-33", "", ".example.com"]) {
    await assert.rejects(confirm("10.0.0.9", theirs), {
      name: "WrongNodeError",
      message: `endpoint 10.0.0.9:50000 is node '${theirs}', not this node 'W-3.example.com'; ` +
        "set --talos-endpoint to this node's address (status.hostIP)",
    });
  }
});

Deno.test("a node without a name is not ours although we have none either", async () => {
  const nameless = { hostName: () => "", ownAddresses: () => [] };
  await assert.rejects(
    confirmOwnNode(parseEndpoint("10.0.0.9"), nameless, () => Promise.resolve("")),
    { name: "WrongNodeError" },
  );
});
