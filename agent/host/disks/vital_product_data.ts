/** SPC's pages of vital product data that say which disk it is. */
export const SERIAL_PAGE = 0x80;
/** The page "device identification". */
export const IDENTIFICATION_PAGE = 0x83;

const HEADER_SIZE = 4;
const ASCII = 2;

/** The serial number of the page "unit serial number"; undefined when it is another page, or empty. */
export function parseSerialPage(page: Uint8Array): string | undefined {
  return fieldText(contents(page, SERIAL_PAGE));
}

/**
 * The name that the vendor gave this unit, of the page "device identification"; undefined when it has none. QEMU
 * gives a disk without serial number such a one: `drive-scsi0` for Proxmox VE's scsi0.
 */
export function parseVendorName(page: Uint8Array): string | undefined {
  let rest = contents(page, IDENTIFICATION_PAGE);
  while (rest.length >= HEADER_SIZE) {
    const [codeSet = 0, kind = 0, , length = 0] = rest;
    const end = HEADER_SIZE + length;
    // Association (of the unit, 0) and type (the vendor's own, 0) are the low six bits.
    if ((codeSet & 0x0f) === ASCII && (kind & 0x3f) === 0) {
      const name = fieldText(rest.subarray(HEADER_SIZE, end));
      if (name !== undefined) return name;
    }
    rest = rest.subarray(end);
  }
  return undefined;
}

function contents(page: Uint8Array, expected: number): Uint8Array {
  const [, code, high = 0, low = 0] = page;
  if (code !== expected) return new Uint8Array();
  return page.subarray(HEADER_SIZE, HEADER_SIZE + (high << 8 | low));
}

/** The text of a drive's field, without its padding; undefined when it is empty. */
export function fieldText(field: Uint8Array): string | undefined {
  const serial = String.fromCharCode(...field).replaceAll("\0", "").trim();
  return serial === "" ? undefined : serial;
}
