import assert from "node:assert/strict";
import { KernelFiles } from "./kernel_files.ts";
import { Libc } from "./libc.ts";
import { setTcpNoDelay } from "./tcp_no_delay.ts";

Deno.test("every TCP socket gets the option; files and unix sockets are passed over", async () => {
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const directory = await Deno.makeTempDir();
  try {
    using _unix = Deno.listen({ transport: "unix", path: `${directory}/socket` });
    using _file = await Deno.create(`${directory}/file`);
    const before = setTcpNoDelay(libc, files);
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    using _server = await listener.accept();
    client.setNoDelay(false);
    assert.equal(setTcpNoDelay(libc, files), before + 3);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
