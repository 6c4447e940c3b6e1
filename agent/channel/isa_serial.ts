import type { Libc } from "../linux/libc.ts";
import { LibcError } from "../linux/libc.ts";
import { openDevice } from "./device_file.ts";
import { type DeviceHost, ReopeningChannel } from "./reopening_channel.ts";
import { explainOpenError } from "./virtio_serial.ts";

const TCSANOW = 0;
const TCIFLUSH = 0;
const B38400 = 0o17;
const CREAD_CLOCAL = 0o200 | 0o4000;
// struct termios of glibc; c_cflag is its third word.
const TERMIOS_SIZE = 60;
const CFLAG_OFFSET = 8;

/** The channel on a serial line: raw, 38400 baud, what was received before is thrown away. */
export function isaSerialChannel(host: DeviceHost, path: string, procfs: string): ReopeningChannel {
  const open = () => {
    let fd: number;
    try {
      fd = openDevice(host.libc, path);
    } catch (error) {
      if (!(error instanceof LibcError)) throw error;
      return explainOpenError(host.files, procfs, path, error);
    }
    try {
      makeRaw(host.libc, fd, path);
    } catch (error) {
      host.libc.file.close(fd);
      if (!(error instanceof LibcError)) throw error;
      return {
        reason: `${path} is not a serial line, waiting for one: ${error.message}`,
        directory: path.slice(0, path.lastIndexOf("/")) || "/",
      };
    }
    return { fd, path };
  };
  return new ReopeningChannel(host, open, { reopenAfterHangup: true });
}

/**
 * Makes a terminal pass all bytes unchanged (cfmakeraw(3)) and ignore modem lines.
 *
 * @throws LibcError when the device is not a terminal
 */
export function makeRaw(libc: Libc, fd: number, path: string): void {
  const { tcgetattr, tcsetattr, cfmakeraw, cfsetspeed, tcflush } = libc.terminal;
  const termios = new Uint8Array(TERMIOS_SIZE);
  libc.check(tcgetattr(fd, termios), `read the terminal settings of ${path}`);
  cfmakeraw(termios);
  cfsetspeed(termios, B38400);
  const view = new DataView(termios.buffer);
  view.setUint32(CFLAG_OFFSET, view.getUint32(CFLAG_OFFSET, true) | CREAD_CLOCAL, true);
  libc.check(tcsetattr(fd, TCSANOW, termios), `change the terminal settings of ${path}`);
  libc.check(tcflush(fd, TCIFLUSH), `flush ${path}`);
}
