import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { type Scenario, single, step } from "./scenario.ts";

/** A Talos API for ours; qemu-ga runs the sandbox's /sbin/shutdown. */
async function startTalos(directory: string): Promise<AsyncDisposable> {
  const api = await FakeTalosApi.start({ hostname: "conformance" });
  const text = await api.talosconfig({ roles: ["os:operator"] });
  await Deno.writeTextFile(`${directory}/talosconfig`, text);
  return api;
}

/** Commands that set what belongs to the whole machine; the sandbox keeps both agents from it. */
export const MACHINE_SCENARIOS: readonly Scenario[] = [
  {
    name: "guest-shutdown",
    prepare: startTalos,
    steps: [
      step("guest-shutdown", '{"mode":"reboot"}'),
      step("guest-shutdown"),
      step("guest-shutdown", '{"mode":"powerdown"}'),
      step("guest-shutdown", '{"mode":"halt"}'),
      step("guest-shutdown", '{"mode":"dance"}'),
      step("guest-shutdown", '{"mode":""}'),
    ],
  },
  single("guest-set-time"),
  single("guest-set-time", '{"time":0}'),
  single("guest-set-time", '{"time":1800000000000000000}'),
  single("guest-set-time", '{"time":-1}'),
  single("guest-set-time", '{"time":-1000000000000}'),
  single("guest-set-time", '{"time":3155759999999999999}'),
  single("guest-set-time", '{"time":3155760000000000000}'),
  single("guest-set-time", '{"time":9223372036854775807}'),
  single("guest-set-user-password", '{"username":"nobody","password":"eA==","crypted":false}'),
  single("guest-ssh-get-authorized-keys", '{"username":"nobody"}'),
  single("guest-ssh-add-authorized-keys", '{"username":"nobody","keys":["ssh-rsa x"]}'),
  single("guest-ssh-remove-authorized-keys", '{"username":"nobody","keys":["ssh-rsa x"]}'),
];
