// The button that cancels a confirmed order, with a dialog that asks first.
import { ConnectError } from "@connectrpc/connect";
import type { Order } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { explain, formatMoney, reason } from "@shop/kit";
import { useRef, useState } from "preact/hooks";
import { orders } from "./orders.ts";

/** "Cancel the order", and the dialog. `onCancelled` gets the order as the call has returned it. */
export function CancelOrder({ order, onCancelled }: { order: Order; onCancelled: (order: Order) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // The same id each time: however often it is sent, the order is cancelled once.
  const requestId = useRef(crypto.randomUUID());
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<string>();

  async function cancel(): Promise<void> {
    setSending(true);
    setError(undefined);
    try {
      const response = await orders.cancelOrder({ requestId: requestId.current, name: order.name });
      dialog.current?.close();
      if (response.order) {
        onCancelled(response.order);
        // The button is gone; the keyboard continues at the top of the page.
        document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true });
      }
    } catch (thrown) {
      const wrongState = reason(thrown) === "ORDER_WRONG_STATE";
      setError(wrongState ? "This order can no longer be cancelled." : explain(ConnectError.from(thrown)));
    } finally {
      setSending(false);
    }
  }

  return (
    <>
      <button class="button danger" type="button" onClick={() => dialog.current?.showModal()}>
        Cancel the order
      </button>
      <dialog ref={dialog} class="card order-dialog" aria-labelledby="cancel-title">
        <h2 id="cancel-title">Cancel this order?</h2>
        <p>Nothing is sent, and {formatMoney(order.costs?.total)} go back to your card. This cannot be undone.</p>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <div class="row">
          <button class="button" type="button" aria-disabled={sending} onClick={() => void (sending || cancel())}>
            {sending ? "One moment …" : "Yes, cancel it"}
          </button>
          <button class="button quiet" type="button" onClick={() => dialog.current?.close()}>
            Keep the order
          </button>
        </div>
      </dialog>
    </>
  );
}
