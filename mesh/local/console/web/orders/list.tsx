// The orders that were processed last, and a search by id.
import { Await, Empty, navigate, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import { date } from "../format.ts";
import "./orders.css";
import { colourOf, type RecentOrder } from "./story.ts";

const EVERY_MS = 5000;

/** The page of the newest orders. */
export function OrdersPage() {
  useTitle("Orders");
  const call = useApi<readonly RecentOrder[]>("/api/orders", { every: EVERY_MS });
  return (
    <>
      <div class="row between story-top">
        <h1>Orders</h1>
        <Search />
      </div>
      <section class="card" aria-labelledby="recent">
        <h2 id="recent">Processed last</h2>
        <Await call={call}>{(orders) => <Recent orders={orders} />}</Await>
      </section>
    </>
  );
}

/** A field for the id of an order, with or without "orders/". */
export function Search() {
  const open = (event: SubmitEvent) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget as HTMLFormElement).get("id")).trim();
    navigate(`/orders/${encodeURIComponent(id.replace(/^orders\//, ""))}`);
  };
  return (
    <form role="search" class="row story-search" onSubmit={open}>
      <label class="visually-hidden" for="order-id">
        Id of an order
      </label>
      <input id="order-id" name="id" class="input" required placeholder="Id of an order" autocomplete="off" />
      <button class="button" type="submit">
        Show
      </button>
    </form>
  );
}

function Recent({ orders }: { orders: readonly RecentOrder[] }) {
  if (orders.length === 0) {
    return (
      <Empty title="No order was processed yet.">
        <p>Place one in the shop, or with `mesh up`, which places one at its end.</p>
      </Empty>
    );
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Orders">
      <table class="story-table">
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">State</th>
            <th scope="col">Last change</th>
            <th scope="col">Note</th>
          </tr>
        </thead>
        <tbody>
          {orders.map(({ id, state, note, time }) => (
            <tr key={id}>
              <td>
                <a class="story-id" href={`/orders/${id}`}>
                  {id}
                </a>
              </td>
              <td>
                <span class={`badge ${colourOf(state)}`}>{state}</span>
              </td>
              <td class="story-time">{date(time)}</td>
              <td class="soft">{note}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
