// The page of one order, live.
import { Code, type ConnectError } from "@connectrpc/connect";
import {
  type Order,
  type OrderItem,
  Order_Rejection_Reason as Reason,
  Order_State as State,
} from "@shop/gen/shop/orders/v2/orders_pb.ts";
import {
  Empty,
  endSession,
  explain,
  Failure,
  formatMoney,
  formatNumber,
  formatTime,
  navigate,
  type PageProps,
  Skeleton,
  useTitle,
} from "@shop/kit";
import { useEffect } from "preact/hooks";
import { CancelOrder } from "./cancel.tsx";
import { pageOf, restoreOrdered, times } from "./cart.ts";
import { ConsoleLink } from "./console.tsx";
import { ForCustomers } from "./customers.tsx";
import { badgeOf, explainRejection, isPickup, type Step, sentenceOf, stepsOf } from "./orders.ts";
import { useOrder } from "./watch.ts";

/** The order that the address names. */
export function OrderPage({ params }: PageProps) {
  useTitle("Your order");
  return (
    <>
      <h1>Your order</h1>
      <ForCustomers title="Please log in to see this order.">
        <Live name={`orders/${params.id}`} />
      </ForCustomers>
    </>
  );
}

function Live({ name }: { name: string }) {
  const { order, reconnecting, error, replace } = useOrder(name);
  const expired = error?.code === Code.Unauthenticated;
  useEffect(() => {
    if (expired) {
      endSession();
    }
  }, [expired]);
  return (
    <>
      <div role="status">
        {order && <p class={`notice ${badgeOf(order).colour}`}>{sentenceOf(order)}</p>}
        {reconnecting && <p class="slow">Reconnecting …</p>}
        {!order && !error && !reconnecting && <p class="visually-hidden">Loading …</p>}
      </div>
      {error && <Stopped error={error} />}
      {order ? <Details order={order} replace={replace} /> : !error && <Skeleton lines={6} />}
    </>
  );
}

function Stopped({ error }: { error: ConnectError }) {
  if (error.code === Code.NotFound || error.code === Code.InvalidArgument) {
    return (
      <Empty title="You have no such order.">
        <p>
          <a href="/orders">To your orders</a>
        </p>
      </Empty>
    );
  }
  return <Failure title={explain(error)} />;
}

function Details({ order, replace }: { order: Order; replace: (order: Order) => void }) {
  return (
    <div class="columns wide-left">
      <div class="order-main">
        {order.rejection && <Rejected order={order} />}
        <section class="card" aria-labelledby="order-items">
          <h2 id="order-items">What you ordered</h2>
          <Items order={order} />
        </section>
      </div>
      <section class="card" aria-labelledby="order-progress">
        <h2 id="order-progress">Progress</h2>
        <Steps steps={stepsOf(order)} />
        <Facts order={order} />
        <ConsoleLink order={order.name} />
        {order.state === State.CONFIRMED && <CancelOrder order={order} onCancelled={replace} />}
      </section>
    </div>
  );
}

function Rejected({ order }: { order: Order }) {
  if (!order.rejection) {
    return null;
  }
  const { what, todo } = explainRejection(order.rejection);
  const again = () => {
    restoreOrdered(order.items);
    navigate("/cart");
  };
  return (
    <section class="card order-rejected" aria-labelledby="order-rejected">
      <h2 id="order-rejected">{what}</h2>
      {order.rejection.reason !== Reason.DEPENDENCY_FAILED && (
        <p class="soft">{inWords(order.rejection.message, order.items)}</p>
      )}
      <p>{todo}</p>
      <button class="button" type="button" onClick={again}>
        Try again from the cart
      </button>
    </section>
  );
}

// The message has the ids of products and the codes of banks.
function inWords(message: string, items: readonly OrderItem[]): string {
  const id = (item: OrderItem) => item.product.replace("products/", "");
  const named = items
    .reduce((text, item) => text.replaceAll(id(item), `“${item.displayName}”`), message)
    .replaceAll(/\b[A-Z]+(_[A-Z]+)+\b/g, (code) => code.toLowerCase().replaceAll("_", " "));
  return `${named.charAt(0).toUpperCase()}${named.slice(1)}.`;
}

const STATUS_WORDS: Record<Step["status"], string> = {
  done: "done",
  current: "now",
  open: "to come",
  failed: "failed",
};

function Steps({ steps }: { steps: readonly Step[] }) {
  return (
    <ol class="order-steps">
      {steps.map(({ label, status }) => (
        <li key={label} class={`order-step ${status}`} aria-current={status === "current" ? "step" : undefined}>
          {label} <span class="visually-hidden">({STATUS_WORDS[status]})</span>
        </li>
      ))}
    </ol>
  );
}

function Facts({ order }: { order: Order }) {
  const id = (name: string) => name.slice(name.indexOf("/") + 1);
  return (
    <dl class="order-facts small">
      <dt>Placed</dt>
      <dd>{formatTime(order.createTime)}</dd>
      <dt>Last change</dt>
      <dd>{formatTime(order.updateTime)}</dd>
      <dt>Delivery</dt>
      <dd>{isPickup(order) ? "Pickup at the shop" : "Shipped to your address"}</dd>
      {order.shipment && (
        <>
          <dt>Shipment</dt>
          <dd class="order-id">{id(order.shipment)}</dd>
        </>
      )}
      <dt>Order</dt>
      <dd class="order-id">{id(order.name)}</dd>
    </dl>
  );
}

function Items({ order }: { order: Order }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Items and costs">
      <table>
        <thead>
          <tr>
            <th scope="col">Product</th>
            <th scope="col" class="number">
              Pieces
            </th>
            <th scope="col" class="number">
              Price
            </th>
          </tr>
        </thead>
        <tbody>
          {order.items.map((item) => (
            <tr key={item.product}>
              <td>
                <a href={pageOf(item.product)}>{item.displayName}</a>
                <br />
                <span class="soft small">{formatMoney(item.unitPrice)} each</span>
              </td>
              <td class="number">{formatNumber(item.quantity)}</td>
              <td class="number">{formatMoney(times(item.unitPrice, item.quantity))}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={2}>
              Items
            </th>
            <td class="number">{formatMoney(order.costs?.items)}</td>
          </tr>
          <tr>
            <th scope="row" colSpan={2}>
              Shipping
            </th>
            <td class="number">{isPickup(order) ? "Pickup" : formatMoney(order.costs?.shipping)}</td>
          </tr>
          <tr class="order-total">
            <th scope="row" colSpan={2}>
              Total
            </th>
            <td class="number">{formatMoney(order.costs?.total)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
