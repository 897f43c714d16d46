// The order itself: its lines and totals.
import { date } from "../format.ts";
import { money, times } from "./format.ts";
import { type Order, valueName } from "./story.ts";

export function Contents({ order }: { order: Order }) {
  return (
    <>
      <ul class="story-items">
        {order.items.map(({ product, display_name, quantity, unit_price }) => (
          <li key={product}>
            <span>
              {quantity} × {display_name}
              <span class="soft small"> {product}</span>
            </span>
            <span class="price">{money(times(unit_price, quantity))}</span>
          </li>
        ))}
        {order.shipping_price && (
          <li>
            <span>Shipping</span>
            <span class="price">{money(order.shipping_price)}</span>
          </li>
        )}
        <li class="story-total">
          <span>Total</span>
          <span class="price">{money(order.total)}</span>
        </li>
      </ul>
      <dl class="story-facts small">
        <dt>Placed</dt>
        <dd>{date(order.create_time)}</dd>
        <dt>Last change</dt>
        <dd>{date(order.update_time)}</dd>
        {order.rejection_reason && (
          <>
            <dt>Rejected</dt>
            <dd>{valueName(order.rejection_reason)}</dd>
          </>
        )}
        {order.shipment && (
          <>
            <dt>Shipment</dt>
            <dd class="story-id">{order.shipment}</dd>
          </>
        )}
        {order.parking && (
          <>
            <dt>Parked</dt>
            <dd>
              {date(order.parking.park_time)}: {valueName(order.parking.call)} {valueName(order.parking.reason)}
            </dd>
          </>
        )}
      </dl>
    </>
  );
}
