import type { Channel } from "../channel/channel.ts";
import { isaSerialChannel } from "../channel/isa_serial.ts";
import { PtyChannel } from "../channel/pty.ts";
import { unixListenChannel } from "../channel/unix_listen.ts";
import { virtioSerialChannel } from "../channel/virtio_serial.ts";
import { vsockListenChannel } from "../channel/vsock_listen.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import type { Log } from "../telemetry/log.ts";
import type { Agent } from "./agent.ts";

/**
 * Opens the channel that the configuration names.
 *
 * @throws ChannelError when it cannot work; ConfigError when it needs a path and has none
 */
export async function openChannel(config: Config, agent: Agent, log: Log): Promise<Channel> {
  const host = { libc: agent.libc, files: agent.files, log };
  switch (config.method) {
    case "virtio-serial":
      return virtioSerialChannel(host, {
        path: config.path,
        portName: config.portName,
        procfs: config.pathProcfs,
        sysfs: config.pathSysfs,
        devfs: config.pathDevfs,
      });
    case "isa-serial":
      return isaSerialChannel(host, config.path ?? `${config.pathDevfs}/ttyS0`, config.pathProcfs);
    case "unix-listen":
      return await unixListenChannel(agent.files, listenPath(config));
    case "vsock-listen":
      return vsockListenChannel(listenPath(config));
    case "pty": {
      const channel = new PtyChannel(agent.libc);
      console.log(channel.slavePath);
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
