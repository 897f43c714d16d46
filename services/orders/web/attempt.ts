// The request id of an order that is being placed. Equal contents keep it until the shop has answered, also after a
// reload or a lost response: so the order is placed once.
import { clone, toBinary } from "@bufbuild/protobuf";
import { type PlaceOrderRequest, PlaceOrderRequestSchema } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { Stored } from "@shop/kit";

/** After this time, equal contents are a new order. */
const KEPT_MS = 24 * 60 * 60 * 1000;

type Attempt = { digest: string; requestId: string; time: number };

const attempt = new Stored<Attempt | null>("shop.attempt", null);

/** Return the id of the request with these contents: the one of the last attempt if they are equal. */
export async function requestIdOf(request: PlaceOrderRequest): Promise<string> {
  const digest = await digestOf(request);
  const last = attempt.get();
  if (last?.digest === digest && Date.now() - last.time < KEPT_MS) {
    return last.requestId;
  }
  const requestId = crypto.randomUUID();
  attempt.set({ digest, requestId, time: Date.now() });
  return requestId;
}

/** Forget the attempt: the shop has answered, and the next order is another one. */
export function forgetAttempt(): void {
  attempt.set(null);
}

// The digest is stored, not the contents: they have an address and a payment token.
async function digestOf(request: PlaceOrderRequest): Promise<string> {
  const contents = clone(PlaceOrderRequestSchema, request);
  contents.requestId = "";
  const bytes = new Uint8Array(toBinary(PlaceOrderRequestSchema, contents));
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
