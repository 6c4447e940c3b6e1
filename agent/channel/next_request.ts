import type { Readiness } from "../host/readiness.ts";

// How long the whole process waits for the next request of a client that has just been answered, and
// how often in a row. Most clients send it at once, and asking another thread to wait for it takes
// longer than all the rest of a request.
const NEXT_REQUEST_MS = 1;
const NEXT_REQUESTS = 32;
const LOOKS = 100;

/** Waits on the spot for the next request of a client that has just been answered. */
export class NextRequest {
  readonly #readiness: Readiness;
  #answered = false;
  #inRow = 0;

  /** @param readiness of the client's descriptor */
  constructor(readiness: Readiness) {
    this.#readiness = readiness;
  }

  /** Call it when the client has been answered. */
  answered(): void {
    this.#answered = true;
  }

  /** Whether there is something to read now, or was in a moment; blocks the thread meanwhile. */
  comesAtOnce(): boolean {
    if (!this.#answered || this.#inRow >= NEXT_REQUESTS) return false;
    this.#answered = false;
    this.#inRow++;
    for (let look = 0; look < LOOKS; look++) {
      if (this.#readiness.blockForInput(0)) return true;
    }
    return this.#readiness.blockForInput(NEXT_REQUEST_MS);
  }

  /** Call it when the event loop had its turn. */
  othersHadTheirTurn(): void {
    this.#inRow = 0;
  }
}
