// All orders of the customer, newest first.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Order } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import {
  Await,
  Empty,
  endSession,
  explain,
  Failure,
  formatMoney,
  formatNumber,
  formatTime,
  useCall,
  useTitle,
} from "@shop/kit";
import { useEffect, useState } from "preact/hooks";
import { piecesOf } from "./cart.ts";
import { ForCustomers } from "./customers.tsx";
import { badgeOf, ME, orders } from "./orders.ts";

const PAGE = 20;

/** The page of the customer's orders. */
export function History() {
  useTitle("My orders");
  return (
    <>
      <h1>My orders</h1>
      <ForCustomers title="Please log in to see your orders.">
        <Orders />
      </ForCustomers>
    </>
  );
}

function Orders() {
  const call = useCall((signal) => orders.listOrders({ customer: ME, pageSize: PAGE }, { signal }), []);
  const expired = call.error?.code === Code.Unauthenticated;
  useEffect(() => {
    if (expired) {
      endSession();
    }
  }, [expired]);
  return (
    <Await call={call}>
      {(page) =>
        page.orders.length > 0 ? (
          <Pages first={page.orders} token={page.nextPageToken} />
        ) : (
          <Empty title="You have no orders yet.">
            <p>
              <a href="/">To the shop</a>
            </p>
          </Empty>
        )
      }
    </Await>
  );
}

function Pages({ first, token }: { first: readonly Order[]; token: string }) {
  const [more, setMore] = useState<{ orders: readonly Order[]; token: string; error?: string }>({ orders: [], token });
  const [pending, setPending] = useState(false);
  const load = async () => {
    setPending(true);
    try {
      const page = await orders.listOrders({ customer: ME, pageSize: PAGE, pageToken: more.token });
      setMore({ orders: [...more.orders, ...page.orders], token: page.nextPageToken });
    } catch (error) {
      setMore({ ...more, error: explain(ConnectError.from(error)) });
    } finally {
      setPending(false);
    }
  };
  return (
    <>
      <ul class="order-list">
        {[...first, ...more.orders].map((order) => (
          <li key={order.name}>
            <Entry order={order} />
          </li>
        ))}
      </ul>
      {more.error ? (
        <Failure title={more.error} onRetry={() => void load()} />
      ) : (
        more.token && (
          <p class="order-more">
            <button class="button quiet" type="button" aria-disabled={pending} onClick={() => void (pending || load())}>
              {pending ? "One moment …" : "Show more"}
            </button>
          </p>
        )
      )}
    </>
  );
}

function Entry({ order }: { order: Order }) {
  const { text, colour } = badgeOf(order);
  const pieces = piecesOf(order.items);
  return (
    <a class="card order-entry" href={`/${order.name}`}>
      <span class="order-entry-what">
        {order.items[0]?.displayName}
        {order.items.length > 1 && ` and ${formatNumber(order.items.length - 1)} more`}
      </span>
      <span class={`badge ${colour}`}>{text}</span>
      <span class="soft small">
        {formatTime(order.createTime)} · {formatNumber(pieces)} {pieces === 1 ? "piece" : "pieces"}
      </span>
      <span class="price">{formatMoney(order.costs?.total)}</span>
    </a>
  );
}
