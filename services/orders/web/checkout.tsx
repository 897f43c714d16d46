// The checkout: delivery, payment, and the order itself.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Money } from "@shop/gen/google/type/money_pb.ts";
import {
  type Order,
  PickupSchema,
  PlaceOrderRequestSchema,
  Order_State as State,
} from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { Await, Empty, endSession, explain, type Form, navigate, reason, Slot, useForm, useTitle } from "@shop/kit";
import type { ComponentChildren } from "preact";
import { useCallback, useRef, useState } from "preact/hooks";
import { endAttempt, requestIdOfAttempt } from "./attempt.ts";
import { type CartLine, type Products, piecesOf, removeOrdered, subtotals } from "./cart.ts";
import { useCart } from "./cart-page.tsx";
import { ForCustomers } from "./customers.tsx";
import { Delivery, type Quote } from "./delivery.tsx";
import { type Draft, forgetDraft, readDraft, saveDraft } from "./draft.ts";
import { ME, orders } from "./orders.ts";
import { Summary } from "./summary.tsx";

type PlaceForm = Form<typeof PlaceOrderRequestSchema>;

/** The page that places an order. */
export function Checkout() {
  useTitle("Checkout");
  return (
    <>
      <h1>Checkout</h1>
      <ForCustomers title="Please log in to order. Your cart stays as it is.">
        <Contents />
      </ForCustomers>
    </>
  );
}

function Contents() {
  const { lines, call } = useCart();
  if (lines.length === 0) {
    return (
      <Empty title="Your cart is empty.">
        <p>
          <a href="/">To the shop</a>
        </p>
      </Empty>
    );
  }
  return (
    <Await call={call}>
      {(products) => {
        const [sum, ...others] = subtotals(lines, products);
        return sum && others.length === 0 && lines.every(({ product }) => products.forSale.has(product)) ? (
          <CheckoutForm key={JSON.stringify(lines)} lines={lines} products={products} sum={sum} />
        ) : (
          <Empty title="Your cart cannot be ordered as it is.">
            <p>
              <a href="/cart">Look at the cart</a>
            </p>
          </Empty>
        );
      }}
    </Await>
  );
}

type CheckoutProps = { lines: readonly CartLine[]; products: Products; sum: Money };

function CheckoutForm({ lines, products, sum }: CheckoutProps) {
  const draft = useRef<Draft>(undefined);
  draft.current ??= readDraft();
  const [quote, setQuote] = useState<Quote>();
  const form = useForm({
    schema: PlaceOrderRequestSchema,
    // The id of the attempt replaces this one: a changed form is still the same attempt.
    initial: () => ({
      requestId: crypto.randomUUID(),
      customer: ME,
      items: [...lines],
      delivery: deliveryOf(readDraft()),
    }),
    describe,
    send: async (request) => {
      const order = await place(request);
      navigate(`/${order?.name}`, { replace: true });
      if (order?.state !== State.REJECTED) {
        removeOrdered(lines);
        forgetDraft();
      }
    },
  });
  const { setToken, choose, edit } = useChanges(form, draft.current);
  const pickup = form.values.delivery.case === "pickup";
  const ready = pickup || quote !== undefined;
  return (
    <form
      class="columns wide-left"
      aria-label="Checkout"
      noValidate
      onSubmit={(event) => (ready ? void form.submit(event) : event.preventDefault())}
    >
      <div class="checkout-main">
        <Delivery
          form={form}
          pieces={piecesOf(lines)}
          currency={sum.currencyCode}
          choose={choose}
          edit={edit}
          onQuote={setQuote}
        />
        <div>
          <Slot name="payment-method" props={{ onToken: setToken }} />
          {form.violations.payment_token && (
            <p class="field-error" role="alert">
              {form.values.paymentToken ? form.violations.payment_token : "Please choose how you pay."}
            </p>
          )}
        </div>
      </div>
      <Summary form={form} lines={lines} products={products} sum={sum} quote={quote} />
    </form>
  );
}

// Stable functions: the parts in the slots get them as properties.
function useChanges(form: PlaceForm, draft: Draft) {
  const latest = useRef(form);
  latest.current = form;
  const setToken = useCallback((token: string) => latest.current.edit((request) => (request.paymentToken = token)), []);
  const choose = (pickup: boolean) => {
    draft.pickup = pickup;
    saveDraft(draft);
    form.edit((request) => (request.delivery = deliveryOf(draft)));
  };
  const edit: Parameters<typeof Delivery>[0]["edit"] = (change) => {
    form.edit(({ delivery }) => {
      if (delivery.case === "shippingAddress") {
        change(delivery.value);
        draft.address = delivery.value;
        saveDraft(draft);
      }
    });
    // What is marked as wrong is checked while the person types.
    Object.keys(form.violations).forEach(form.leave);
  };
  return { setToken, choose, edit };
}

function deliveryOf({ pickup, address }: Draft): PlaceForm["values"]["delivery"] {
  return pickup ? { case: "pickup", value: create(PickupSchema) } : { case: "shippingAddress", value: address };
}

async function place(request: PlaceForm["values"]): Promise<Order | undefined> {
  try {
    const { order } = await orders.placeOrder({ ...request, requestId: requestIdOfAttempt() });
    endAttempt();
    return order;
  } catch (error) {
    // The response was lost, and the customer has changed the order since. No field of the form is wrong.
    if (reason(error) === "REQUEST_ID_REUSED") {
      endAttempt();
      throw new ConnectError("the first attempt has arrived", Code.AlreadyExists);
    }
    throw error;
  }
}

function describe(error: ConnectError): ComponentChildren {
  switch (reason(error)) {
    case "CATALOG_UNAVAILABLE":
      return "The prices cannot be read at the moment. Nothing was ordered. Please try again in a minute.";
    case "SHIPPING_UNAVAILABLE":
      return "Shipping is not available at the moment. Nothing was ordered. Try again soon, or pick the order up.";
  }
  switch (error.code) {
    case Code.AlreadyExists:
      return (
        <>
          Your last attempt has arrived after all: see <a href="/orders">your orders</a>. Place the order again only if
          you want another one.
        </>
      );
    case Code.Unauthenticated:
      endSession();
      return explain(error);
    case Code.InvalidArgument:
    case Code.PermissionDenied:
    case Code.ResourceExhausted:
      return explain(error);
    default:
      return "We do not know whether your order has arrived. Please place it once more: it will be ordered only once.";
  }
}
