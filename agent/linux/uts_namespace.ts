import { cString, type Libc, OpenFlag } from "./libc.ts";

const SETNS_SYMBOLS = {
  setns: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
const CLONE_NEWUTS = 0x04000000;

/**
 * Moves this thread, and what it starts later, into a UTS namespace (setns(2)), so that uname(2) tells that
 * one's host name. It needs CAP_SYS_ADMIN.
 *
 * @param path of the namespace, such as `/proc/1/ns/uts`
 * @throws LibcError when there is none, or the process may not enter it
 */
export function enterUtsNamespace(libc: Libc, path: string): void {
  const { open, close } = libc.file;
  const what = `enter ${path}`;
  const fd = libc.check(open(cString(path), OpenFlag.RDONLY | OpenFlag.CLOEXEC, 0), what);
  try {
    libc.check(libc.bind(SETNS_SYMBOLS).setns(fd, CLONE_NEWUTS), what);
  } finally {
    close(fd);
  }
}
