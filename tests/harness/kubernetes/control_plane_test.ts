import assert from "node:assert/strict";
import { ControlPlane } from "./control_plane.ts";

Deno.test("a control plane: serves, gives tokens, and leaves nothing", async (t) => {
  const controlPlane = await ControlPlane.start();
  try {
    await t.step("kubectl and both Helms reach it", async () => {
      const version = await controlPlane.kubectl(["version"]);
      assert.match(version.stdout, /Server Version: v1\./);
      for (const helm of [3, 4] as const) {
        const { stdout } = await controlPlane.helm(helm, ["list", "--output=json"]);
        assert.deepEqual(JSON.parse(stdout), []);
      }
    });
    await t.step("a ServiceAccount gets a token that the API server knows", async () => {
      const { stdout } = await controlPlane.kubectl(["create", "token", "default"]);
      const review = await controlPlane.api.create<{ status: { user: { username: string } } }>(
        "/apis/authentication.k8s.io/v1/tokenreviews",
        {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenReview",
          spec: { token: stdout.trim() },
        },
      );
      assert.equal(review.status.user.username, "system:serviceaccount:default:default");
    });
    await t.step("a command that fails reports why", async () => {
      await assert.rejects(controlPlane.kubectl(["get", "node", "nowhere"]), /not found/);
    });
    await t.step("its kubeconfig for guests names the host as they see it", async () => {
      const guest = JSON.parse(await Deno.readTextFile(controlPlane.guestKubeconfig));
      assert.equal(guest.clusters[0].cluster.server, `https://10.0.2.2:${controlPlane.port}`);
    });
  } finally {
    await controlPlane[Symbol.asyncDispose]();
  }
  await assert.rejects(Deno.stat(controlPlane.directory), Deno.errors.NotFound);
  await assert.rejects(
    Deno.connect({ hostname: "127.0.0.1", port: controlPlane.port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("a control plane: a program that ends says why, and nothing is left", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assert.rejects(
    ControlPlane.start({ port: listener.addr.port }),
    /kube-apiserver ended:[^]*address already in use/,
  );
});
