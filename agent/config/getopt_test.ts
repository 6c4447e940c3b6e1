import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { ConfigError } from "./config_error.ts";
import { parseCommandLine } from "./getopt.ts";
import { OPTION_LIST } from "./options.ts";

function parse(
  ...words: string[]
): { options: (readonly [string, string?])[]; operands: string[] } {
  const { options, operands } = parseCommandLine(words, OPTION_LIST);
  return {
    options: options.map(([option, value]) =>
      value === undefined ? [option.name] : [option.name, value]
    ),
    operands: [...operands],
  };
}

Deno.test("qemu-ga's command lines are understood as getopt_long understands them", () => {
  const cases: readonly (readonly [string[], (readonly [string, string?])[]])[] = [
    [["-mvirtio-serial"], [["method", "virtio-serial"]]],
    [["-m", "virtio-serial"], [["method", "virtio-serial"]]],
    [["--method=isa-serial"], [["method", "isa-serial"]]],
    [["--method", "isa-serial"], [["method", "isa-serial"]]],
    [["-vd"], [["verbose"], ["daemonize"]]],
    [["-vdp/dev/x", "-V"], [["verbose"], ["daemonize"], ["path", "/dev/x"], ["version"]]],
    [["-p", "-x"], [["path", "-x"]]],
    [["-F"], [["fsfreeze-hook"]]],
    [["-F", "-v"], [["fsfreeze-hook"], ["verbose"]]],
    [["-F/path"], [["fsfreeze-hook", "/path"]]],
    [["-vF/path"], [["verbose"], ["fsfreeze-hook", "/path"]]],
    [["--fsfreeze-hook"], [["fsfreeze-hook"]]],
    [["--fsfreeze-hook=/a=b"], [["fsfreeze-hook", "/a=b"]]],
    [["--fsfreeze-hook="], [["fsfreeze-hook", ""]]],
    [["--meth", "pty"], [["method", "pty"]]],
    [["--verb"], [["verbose"]]],
    [["--daemon"], [["daemonize"]]],
    [["--black=x"], [["block-rpcs", "x"]]],
    [["--path", "/p"], [["path", "/p"]]],
    [["-b", "a", "-b", ""], [["block-rpcs", "a"], ["block-rpcs", ""]]],
    [["-D"], [["dump-conf"]]],
    [["-r"], [["retry-path"]]],
  ];
  for (const [words, options] of cases) {
    assert.deepEqual(parse(...words), { options, operands: [] }, words.join(" "));
  }
});

Deno.test("operands are kept, and -- ends the options", () => {
  assert.deepEqual(parse("call", "-v", "-", "--", "-v", "--"), {
    options: [["verbose"]],
    operands: ["call", "-", "-v", "--"],
  });
});

Deno.test("each mistake is told in a line that says what is allowed", () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["-x"], "unknown option -x; see --help"],
    [["-vx"], "unknown option -x; see --help"],
    [["--nope=1"], "unknown option --nope; see --help"],
    [["--=1"], "unknown option --; see --help"],
    [["--verbose=1"], "option --verbose takes no value"],
    [
      ["--talos-"],
      "option --talos- is ambiguous: --talos-context, --talos-endpoint, --talos-socket",
    ],
    [["-p"], "option -p needs a value"],
    [["--path"], "option --path needs a value"],
    [
      ["-m"],
      "option -m needs a value, one of virtio-serial, isa-serial, unix-listen, vsock-listen, pty",
    ],
  ];
  for (const [words, message] of cases) {
    assert.throws(() => parse(...words), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, message);
      return true;
    });
  }
});

Deno.test("any words give a command line or a ConfigError", async () => {
  const word = fc.oneof(fc.string(), fc.string().map((text) => `-${text}`));
  await checkProperty("words", fc.array(word), (words) => {
    try {
      parse(...words);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
    }
  });
});
