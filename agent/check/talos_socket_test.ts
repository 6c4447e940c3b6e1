import assert from "node:assert/strict";
import { FakeTalosApi } from "../../tests/harness/talos/fake_talos_api_process.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { checkSocket, checkTalosAtSocket } from "./talos_socket.ts";

const { signal } = new AbortController();

Deno.test("a socket that lets us in is told with the role and Talos' version", async () => {
  await using directory = await TemporaryDirectory.create();
  const socket = `${directory.path}/machine.sock`;
  await using api = await FakeTalosApi.start({ socket });
  const { status, fact, brief } = await checkSocket(socket);
  assert.deepEqual([status, fact, brief], ["ok", `${socket}, as os:operator`, "os:operator"]);
  const line = await checkTalosAtSocket(socket, signal);
  assert.equal(line.status, "ok");
  assert.match(line.fact, /machine\.sock is Talos v1\.13\.0, answered in \d+ ms$/);
  assert.equal(line.brief, "v1.13.0");
  // Version, which the log of calls leaves out, is all that was asked.
  assert.deepEqual(api.calls.methods, []);
});

Deno.test("a socket that is missing or does not let us in fails with what to do", async () => {
  await using directory = await TemporaryDirectory.create();
  const socket = `${directory.path}/machine.sock`;
  const missing = await checkSocket(socket);
  assert.equal(missing.status, "failed");
  assert.match(missing.remedy ?? "", /\/system\/run\/machined.*--talos-socket/);
  assert.equal((await checkTalosAtSocket(socket, signal)).status, "failed");

  await using api = await FakeTalosApi.start({ socket });
  await api.fault({ fault: "status", code: 7, message: "not authorized", method: "Version" });
  const refused = await checkTalosAtSocket(socket, signal);
  assert.equal(refused.status, "failed");
  assert.match(refused.fact, /answered PERMISSION_DENIED \(7\) "not authorized"$/);
  assert.match(refused.remedy ?? "", /system extensions/);
});
