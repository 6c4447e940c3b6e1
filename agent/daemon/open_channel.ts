import { ISA_SERIAL_DEVICE } from "../config/options.ts";
import type { Channel } from "../channel/channel.ts";
import { isaSerialChannel } from "../channel/isa_serial.ts";
import { PtyChannel } from "../channel/pty.ts";
import type { DeviceHost } from "../channel/reopening_channel.ts";
import { unixListenChannel } from "../channel/unix_listen.ts";
import { virtioSerialChannel } from "../channel/virtio_serial.ts";
import { vsockListenChannel } from "../channel/vsock_listen.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";

/**
 * Opens the channel that the configuration names.
 *
 * @param otherMachine what the machine is when it is no guest of QEMU; undefined for a guest
 * @throws ChannelError when it cannot work; ConfigError when it needs a path and has none
 */
export function openChannel(
  config: Config,
  host: DeviceHost,
  otherMachine: () => string | undefined,
): Channel {
  const { libc, files, publish } = host;
  const waiting = (path: string): void =>
    publish({ kind: "port", state: "waiting", path, reason: undefined });
  switch (config.method) {
    case "virtio-serial":
      return virtioSerialChannel(host, {
        path: config.path,
        portName: config.portName,
        procfs: config.pathProcfs,
        sysfs: config.pathSysfs,
        devfs: config.pathDevfs,
      }, otherMachine);
    case "isa-serial":
      return isaSerialChannel(
        host,
        config.path ?? `${config.pathDevfs}/${ISA_SERIAL_DEVICE}`,
        config.pathProcfs,
      );
    case "unix-listen": {
      const path = listenPath(config);
      const channel = unixListenChannel(libc, files, path);
      waiting(path);
      return channel;
    }
    case "vsock-listen": {
      const path = listenPath(config);
      const channel = vsockListenChannel(libc, path);
      waiting(`vsock ${path}`);
      return channel;
    }
    case "pty": {
      const channel = new PtyChannel(libc);
      console.log(channel.slavePath);
      waiting(channel.slavePath);
      return channel;
    }
  }
}

function listenPath(config: Config): string {
  if (config.path !== undefined) return config.path;
  throw new ConfigError(
    `must specify a path for this channel: --method ${config.method} --path ...`,
  );
}
