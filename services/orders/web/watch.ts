// Follows an order to its end.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Order } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { useCallback, useEffect, useState } from "preact/hooks";
import { hasEnded, orders } from "./orders.ts";

/** The pause before the next stream. */
const PAUSE_MS = 1000;
/** A stream without a change sends nothing. If it has been open for this long, it was accepted. */
const ACCEPTED_MS = 2000;
/** Another stream would end in the same way. */
const FINAL = new Set([Code.NotFound, Code.PermissionDenied, Code.Unauthenticated, Code.InvalidArgument]);

/** An order as it was last seen. */
export type Watched = {
  order: Order | undefined;
  /** The stream has ended before the order has; the next one follows. */
  reconnecting: boolean;
  /** Why the order cannot be followed at all. */
  error: ConnectError | undefined;
};

/** Use an order, live. `replace` shows a later state that another call has returned, and follows it from there. */
export function useOrder(name: string): Watched & { replace: (order: Order) => void } {
  const [state, setState] = useState<Watched>({ order: undefined, reconnecting: false, error: undefined });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    void follow(name, abort.signal, (change) => setState((before) => ({ ...before, ...change })));
    return () => abort.abort();
  }, [name, round]);
  const replace = useCallback((order: Order) => {
    setState({ order, reconnecting: false, error: undefined });
    setRound((before) => before + 1);
  }, []);
  return { ...state, replace };
}

/** Watch an order until it has ended. A stream that ends earlier is continued by another one, as the contract says. */
async function follow(name: string, signal: AbortSignal, show: (change: Partial<Watched>) => void): Promise<void> {
  let order: Order | undefined;
  let resumeToken = "";
  while (!signal.aborted && !(order && hasEnded(order))) {
    const accepted = setTimeout(() => !signal.aborted && show({ reconnecting: false }), ACCEPTED_MS);
    try {
      for await (const update of orders.watchOrder({ name, resumeToken }, { signal })) {
        ({ order, resumeToken } = update);
        show({ order, reconnecting: false, error: undefined });
      }
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      if (FINAL.has(error.code) && !signal.aborted) {
        show({ error, reconnecting: false });
        return;
      }
    } finally {
      clearTimeout(accepted);
    }
    if (!signal.aborted && !(order && hasEnded(order))) {
      show({ reconnecting: true });
      await pause(PAUSE_MS, signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
