import { Errno, Libc } from "../host/libc.ts";

/** The C library with an errno that was changed behind a call, as Deno changes it now and then. */
export class ForgetfulLibc extends Libc {
  /** How often `errno` will be another than the call's. */
  lies = 0;
  /** Which one it will be. */
  lie: number = Errno.ENOENT;

  override errno(): number {
    if (this.lies === 0) return super.errno();
    this.lies--;
    return this.lie;
  }
}
