// The request id of an order that is being placed. It stays the same until the shop has answered, also after a reload or
// a lost response: so nothing is ordered twice.
import { Stored } from "@shop/kit";

/** After this time, the next order is a new one. */
const KEPT_MS = 24 * 60 * 60 * 1000;

const attempt = new Stored<{ requestId: string; time: number } | null>("shop.attempt", null);

/** Return the id of the attempt that has no answer yet, or start one. */
export function requestIdOfAttempt(): string {
  const last = attempt.get();
  if (last && Date.now() - last.time < KEPT_MS) {
    return last.requestId;
  }
  const requestId = crypto.randomUUID();
  attempt.set({ requestId, time: Date.now() });
  return requestId;
}

/** End the attempt: the shop has answered, and the next order is another one. */
export function endAttempt(): void {
  attempt.set(null);
}
