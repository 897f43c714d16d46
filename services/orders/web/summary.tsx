// The summary in the checkout: what is ordered, what it costs, and the button that orders it.
import type { Money } from "@shop/gen/google/type/money_pb.ts";
import type { PlaceOrderRequestSchema } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { cents, type Form, formatMoney, formatNumber } from "@shop/kit";
import { type CartLine, money, type Products, times } from "./cart.ts";
import type { Quote } from "./delivery.tsx";

type SummaryProps = {
  form: Form<typeof PlaceOrderRequestSchema>;
  lines: readonly CartLine[];
  products: Products;
  sum: Money;
  quote: Quote | undefined;
};

/** The items, the costs, and "Place the order". Without a shipping price, nothing can be ordered. */
export function Summary({ form, lines, products, sum, quote }: SummaryProps) {
  const pickup = form.values.delivery.case === "pickup";
  const total = pickup ? sum : quote && money(cents(sum) + cents(quote.price), sum.currencyCode);
  return (
    <section class="card checkout-summary" aria-labelledby="summary">
      <h2 id="summary">Your order</h2>
      <ul class="summary-lines">
        {lines.map((line, index) => (
          <SummaryLine key={line.product} line={line} products={products} violation={violationOf(form, index)} />
        ))}
      </ul>
      {form.violations.items && <p class="field-error">The order {form.violations.items}.</p>}
      <dl class="summary-costs" aria-live="polite">
        <dt>Items</dt>
        <dd class="price">{formatMoney(sum)}</dd>
        <dt>{pickup ? "Pickup" : "Shipping"}</dt>
        <dd class="price">{pickup ? "free" : quote ? formatMoney(quote.price) : "not known yet"}</dd>
        <dt class="summary-total">Total</dt>
        <dd class="price summary-total">{total ? formatMoney(total) : "–"}</dd>
      </dl>
      <p>
        <a href="/cart">Change the cart</a>
      </p>
      {form.error && (
        <p class="notice bad" role="alert">
          {form.error}
        </p>
      )}
      <button type="submit" class="button wide" aria-disabled={form.sending || !total}>
        {form.sending ? "One moment …" : "Place the order"}
      </button>
      <p class="soft small summary-state" role="status">
        {form.sending
          ? "We are reserving the goods and the payment …"
          : !total && "You can order when the shipping price is known."}
      </p>
    </section>
  );
}

function SummaryLine({
  line: { product, quantity },
  products,
  violation,
}: {
  line: CartLine;
  products: Products;
  violation: string | undefined;
}) {
  const found = products.forSale.get(product);
  return (
    <li>
      <span>
        {formatNumber(quantity)} × {found?.displayName ?? product}
        {violation && <span class="field-error"> {violation}</span>}
      </span>
      <span class="price">{formatMoney(times(found?.price, quantity))}</span>
    </li>
  );
}

function violationOf({ violations }: SummaryProps["form"], index: number): string | undefined {
  return violations[`items[${index}].product`] ?? violations[`items[${index}].quantity`];
}
