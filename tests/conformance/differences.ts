import type { AllowedDifference } from "./ledger.ts";

const NEWER = /^guest-(get-load|network-get-route)$/;
const USERS = /^guest-(set-user-password|ssh-.*)$/;

/**
 * Where ours is not as Debian's qemu-ga 7.2, and why. A row that allows nothing in a whole run fails
 * the run: it is to be removed then.
 */
export const DIFFERENCES: readonly AllowedDifference[] = [
  {
    reason: "7.2 does not have the command (guest-network-get-route 9.1, guest-get-load 10.0)",
    of: NEWER,
    aspect: "presence",
    where: /^(return|error)$/,
    theirs: /^(nothing|.*The command \S+ has not been found.*)$/,
  },
  {
    reason: "7.2 does not have the command: its error class",
    of: NEWER,
    aspect: "value",
    where: /^error\.class$/,
    theirs: /CommandNotFound/,
  },
  {
    reason: "7.2 does not have the command: its error text",
    of: NEWER,
    aspect: "value",
    where: /^error\.desc$/,
    theirs: /^"The command \S+ has not been found"$/,
  },
  {
    reason: "guest-info lists the commands that 7.2 does not have",
    of: /^guest-info$/,
    aspect: "presence",
    where: /^return\.supported_commands\[guest-(get-load|network-get-route)\]$/,
    theirs: /^nothing$/,
  },
  {
    reason: "7.2 lists guest-get-devices, which is for Windows; later versions do not on Linux",
    of: /^guest-info$/,
    aspect: "presence",
    where: /^return\.supported_commands\[guest-get-devices\]$/,
    ours: /^nothing$/,
  },
  {
    reason: "Talos has no users: the commands for them are disabled forever, as guest-info reports",
    of: /^guest-info$/,
    aspect: "value",
    where: /^return\.supported_commands\[guest-(set-user-password|ssh-.*)\]\.enabled$/,
    ours: /^false$/,
  },
  {
    reason: "guest-info reports why a command is disabled",
    of: /^guest-info$/,
    aspect: "presence",
    where: /\.disabled-reason$/,
    theirs: /^nothing$/,
  },
  {
    reason: "guest-info lists commands in the order of our table, 7.2 in the reverse of its own",
    of: /^guest-info$/,
    aspect: "order",
    where: /^return\.supported_commands$/,
  },
  {
    reason: "Talos has no users: the command is disabled where 7.2 does something",
    of: USERS,
    aspect: "presence",
    where: /^(return|error)$/,
    ours: /^(nothing|.*has been disabled: Talos has no users, passwords or ssh.*)$/,
  },
  {
    reason: "Talos has no users: error class of a disabled command, before arguments are checked",
    of: USERS,
    aspect: "value",
    where: /^error\.class$/,
    ours: /CommandNotFound/,
  },
  {
    reason: "Talos has no users: error text of a disabled command, before arguments are checked",
    of: USERS,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /has been disabled: Talos has no users, passwords or ssh"$/,
  },
  {
    reason: "total-bytes-privileged came with 9.1",
    of: /^guest-get-fsinfo$/,
    aspect: "presence",
    where: /\.total-bytes-privileged$/,
    theirs: /^nothing$/,
  },
  {
    reason:
      "serial comes out of sysfs; qemu-ga's out of udev, which neither Talos' pods nor this " +
      "sandbox have",
    of: /^guest-get-disks$/,
    aspect: "presence",
    where: /\.address\.serial$/,
    theirs: /^nothing$/,
    dependsOnMachine: true,
  },
  {
    reason: "disks are sorted by name; 7.2 has the reverse order of a directory",
    of: /^guest-get-disks$/,
    aspect: "order",
    where: /^return$/,
    dependsOnMachine: true,
  },
  {
    reason: "processors and memory blocks are sorted by number; 7.2 has a directory's order",
    of: /^guest-get-(vcpus|memory-blocks)$/,
    aspect: "order",
    where: /^return$/,
  },
  {
    reason: "an interface without addresses has counters, too; 7.2 looks for them with the address",
    of: /^guest-network-get-interfaces$/,
    aspect: "presence",
    where: /\.statistics$/,
    theirs: /^nothing$/,
    dependsOnMachine: true,
  },
  {
    reason:
      "an open that fails uses up a handle's number, which is written down before the file is " +
      "touched; 7.2 does it after that",
    of: /^guest-file-/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"handle '\d+' has not been found"$/,
    theirs: /^"handle '\d+' has not been found"$/,
  },
  {
    reason:
      "10.x words a program that cannot be started without 7.2's 'Guest agent command failed'",
    of: /^guest-exec$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"Failed to execute child process /,
    theirs: /^"Guest agent command failed, error was 'Failed to execute child process /,
  },
  {
    reason: "capture-output has been a boolean or a word since 8.0",
    of: /^guest-exec$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /'capture-output'/,
    theirs: /^"Invalid parameter type for 'capture-output', expected: boolean"$/,
  },
  {
    reason: "a freeze that covers no file system is an error: a backup must not look quiesced",
    of: /^guest-fsfreeze-freeze-list$/,
    aspect: "presence",
    where: /^(return|error)$/,
    ours: /^(nothing|.*no file system to freeze.*)$/,
    theirs: /^(nothing|0)$/,
  },
  {
    reason: "guest-shutdown runs while frozen, and thaws first",
    of: /^guest-info$/,
    aspect: "value",
    where: /^return\.supported_commands\[guest-shutdown\]\.enabled$/,
    ours: /^true$/,
    theirs: /^false$/,
  },
  {
    reason: "guest-shutdown runs while frozen: 7.2's error class",
    of: /^guest-shutdown$/,
    aspect: "value",
    where: /^error\.class$/,
    ours: /^"GenericError"$/,
    theirs: /^"CommandNotFound"$/,
  },
  {
    reason: "guest-shutdown runs while frozen: 7.2's error text",
    of: /^guest-shutdown$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"mode is invalid /,
    theirs: /^"Command guest-shutdown has been disabled: the agent is in frozen state"$/,
  },
  {
    reason: "the list of modes is closed with the parenthesis that qemu-ga forgets",
    of: /^guest-shutdown$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"mode is invalid \(valid values are: halt\|powerdown\|reboot\)"$/,
    theirs: /^"mode is invalid \(valid values are: halt\|powerdown\|reboot"$/,
  },
  {
    reason: "the hardware clock is read through its device; there is no hwclock on Talos",
    of: /^guest-set-time$/,
    aspect: "value",
    where: /^error\.desc$/,
    theirs: /^"hwclock failed to set hardware clock to system time"$/,
  },
  {
    reason:
      "the years 1970 to 2069 are those of UTC, to the nanosecond; 7.2 takes the local time " +
      "zone's, to the microsecond",
    of: /^guest-set-time$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"(Invalid time|Failed to set time to guest: Operation not permitted)"$/,
    theirs: /^"(Invalid time|Failed to set time to guest: .*)"$/,
  },
  {
    reason: "a number beyond all doubles is an error at once; 7.2 continues with infinity",
    of: /./,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"JSON parse error, number \S+ is out of range"$/,
  },
  {
    reason: "a number beyond all doubles is an error; 7.2 answers `inf`, which is not JSON",
    of: /^(integers at the edges|floats out of range|mutated requests)$/,
    aspect: "syntax",
    ours: /JSON parse error, number \S+ is out of range/,
    theirs: /\binf\b/,
  },
  {
    reason:
      "of several mistakes in the envelope the first is told; 7.2 tells one by a hash's order",
    of: /^(several mistakes at once|mutated requests)$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"QMP input member '/,
    theirs: /^"QMP input member '/,
  },
  {
    reason: "of several unknown arguments the first is told; 7.2 tells one by a hash's order",
    of: /^(several mistakes at once|mutated requests)$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"Parameter '.*' is unexpected"$/,
    theirs: /^"Parameter '.*' is unexpected"$/,
  },
  {
    reason: "invalid UTF-8 in an error's text is replaced as browsers do it; QEMU has fewer U+FFFD",
    of: /^(invalid UTF-8|mutated requests)$/,
    aspect: "value",
    where: /^error\.desc$/,
    ours: /^"JSON parse error, .*\ufffd/,
    theirs: /^"JSON parse error, .*(\ufffd|\\u0000)/,
  },
  {
    reason: "a message over a limit is dropped to its end; 7.2 takes its rest for new messages, " +
      "and may run a command that stands in it",
    of: /^(nesting|tokens beyond their (number|size))$/,
    aspect: "replies",
    ours:
      /^\{"error": \{"class": "GenericError", "desc": "JSON (nesting depth|token (count|size)) limit exceeded"\}\} \| /,
    theirs:
      /^\{"error": \{"class": "GenericError", "desc": "JSON (nesting depth|token (count|size)) limit exceeded"\}\} \| /,
  },
];
