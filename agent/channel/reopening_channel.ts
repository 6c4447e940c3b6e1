import type { KernelFiles } from "../linux/kernel_files.ts";
import type { Libc } from "../linux/libc.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import type { Channel, Session } from "./channel.ts";
import { DeviceFile } from "./device_file.ts";
import { type DeviceObstacle, DeviceWait } from "./device_wait.ts";

/** A device that was opened. */
export interface OpenedDevice {
  readonly fd: number;
  /** For log lines and errors. */
  readonly path: string;
}

/** How a device channel opens its device: the device, or why it cannot be opened now. */
export type OpenDevice = () => OpenedDevice | DeviceObstacle;

/** What the channels on devices need of the system. */
export interface DeviceHost {
  readonly libc: Libc;
  readonly files: KernelFiles;
  readonly log: Log;
  readonly publish: Publish;
}

/** What differs between the channels on devices. */
export interface ReopeningChannelOptions {
  /** Whether the device must be opened again after its other side hung up: so with a serial line. */
  readonly reopenAfterHangup: boolean;
}

/**
 * A channel on a device that may be missing, busy, or unplugged and plugged in again: it waits for the
 * device, serves it as long as it is there, and waits again.
 */
export class ReopeningChannel implements Channel {
  readonly #libc: Libc;
  readonly #log: Log;
  readonly #publish: Publish;
  readonly #open: OpenDevice;
  readonly #reopenAfterHangup: boolean;
  #closed = false;
  #current: AsyncDisposable | undefined;

  constructor(
    { libc, log, publish }: DeviceHost,
    open: OpenDevice,
    options: ReopeningChannelOptions,
  ) {
    this.#libc = libc;
    this.#log = log;
    this.#publish = publish;
    this.#open = open;
    this.#reopenAfterHangup = options.reopenAfterHangup;
  }

  /** See `Channel`. A failing device is logged and waited for. */
  async *sessions(): AsyncGenerator<Session, void, undefined> {
    while (!this.#closed) {
      const opened = await this.#waitForDevice();
      if (opened === undefined) return;
      const { path } = opened;
      // It may have been opened while the channel was disposed of.
      if (this.#closed) {
        this.#libc.file.close(opened.fd);
        return;
      }
      this.#log.info("serving the device", { path });
      this.#publish({ kind: "port", state: "waiting", path, reason: undefined });
      await using device = new DeviceFile(this.#libc, opened.fd, path);
      this.#current = device;
      try {
        for await (const session of device.sessions()) {
          yield session;
          if (this.#reopenAfterHangup) break;
        }
      } catch (error) {
        if (!(error instanceof LibcError)) throw error;
        this.#log.info(
          error.errno === Errno.ENODEV
            ? "the device was unplugged; waiting for it to come back"
            : "the device failed; opening it again",
          { path, error: error.message },
        );
      }
    }
  }

  /** Ends the sessions. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#current?.[Symbol.asyncDispose]();
  }

  async #waitForDevice(): Promise<OpenedDevice | undefined> {
    const first = this.#open();
    if ("fd" in first) return first;
    await using wait = new DeviceWait(this.#libc, this.#log, this.#publish);
    this.#current = wait;
    await wait.until(first);
    while (!this.#closed) {
      const next = this.#open();
      if ("fd" in next) return next;
      await wait.until(next);
    }
    return undefined;
  }
}
