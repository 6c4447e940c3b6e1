import assert from "node:assert/strict";
import { fakeMount } from "../../tests/harness/fixtures/fake_file_systems.ts";
import { freezeOrder } from "./freeze_order.ts";

const order = (...mounts: Parameters<typeof fakeMount>[]) =>
  freezeOrder(mounts.map((mount) => fakeMount(...mount))).map(({ mountPoint }) => mountPoint);

Deno.test("last mounted comes first, then etcd's file system, then /var", () => {
  const mounts: Parameters<typeof fakeMount>[] = [
    ["/var", 1],
    ["/", 2],
    ["/var/lib/etcd", 3],
    ["/var/mnt/data", 4],
    ["/var/lib/etcd2", 5],
  ];
  assert.deepEqual(order(...mounts), [
    "/var/lib/etcd2",
    "/var/mnt/data",
    "/",
    "/var/lib/etcd",
    "/var",
  ]);
  assert.deepEqual(order(), []);
});

Deno.test("a loop device is frozen before what was mounted before it, also below /var", () => {
  assert.deepEqual(order(["/", 1], ["/var", 0, 7], ["/data", 2]), ["/data", "/var", "/"]);
});
