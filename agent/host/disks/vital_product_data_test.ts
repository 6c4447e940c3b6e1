import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../../tests/harness/property.ts";
import { parseSerialPage, parseVendorName } from "./vital_product_data.ts";

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];

Deno.test("a serial number is as long as its page says", () => {
  const page = (...head: number[]): Uint8Array => new Uint8Array([...head, ...bytes("  CD-1  ")]);
  assert.equal(parseSerialPage(page(5, 0x80, 0, 8)), "CD-1");
  assert.equal(parseSerialPage(page(5, 0x80, 0, 5)), "CD-");
  assert.equal(parseSerialPage(page(5, 0x80, 0, 0)), undefined);
  assert.equal(parseSerialPage(page(5, 0x80, 0, 255)), "CD-1");
  assert.equal(parseSerialPage(page(5, 0x83, 0, 8)), undefined);
  assert.equal(parseSerialPage(new Uint8Array()), undefined);
});

Deno.test("the vendor's name for the unit is found among its other designators", () => {
  const page = (...designators: number[][]): Uint8Array => {
    const flat = designators.flat();
    return new Uint8Array([0, 0x83, flat.length >> 8, flat.length & 255, ...flat]);
  };
  const designator = (codeSet: number, kind: number, data: number[]): number[] => [
    ...[codeSet, kind, 0, data.length],
    ...data,
  ];
  const name = designator(2, 0, bytes("drive-scsi0"));
  const naa = designator(1, 3, [0x50, 0xc3, 0xbf, 0x80, 0, 0, 0, 1]);
  const ofPort = designator(2, 0x10, bytes("port"));
  assert.equal(parseVendorName(page(name)), "drive-scsi0");
  assert.equal(parseVendorName(page(naa, ofPort, name)), "drive-scsi0");
  assert.equal(parseVendorName(page(naa, ofPort)), undefined);
  assert.equal(parseVendorName(page(designator(2, 0, bytes("  ")), name)), "drive-scsi0");
  assert.equal(parseVendorName(page(name.slice(0, 9))), "drive");
  assert.equal(parseVendorName(page()), undefined);
});

Deno.test("any page is read to its end", async () => {
  const given = fc.tuple(fc.constantFrom(0x80, 0x83), fc.uint8Array({ maxLength: 600 }));
  await checkProperty("vital product data", given, ([code, rest]) => {
    const page = new Uint8Array([0, code, ...rest]);
    for (const found of [parseSerialPage(page), parseVendorName(page)]) {
      if (found !== undefined) assert.equal(found, found.trim());
    }
  });
});
