// The shipping's part of the storefront: what it costs to send an order, and how long it takes.
import type { Money } from "@shop/gen/google/type/money_pb.ts";
import { ShippingService } from "@shop/gen/shop/shipping/v1/shipping_pb.ts";
import { type Call, client, formatMoney, formatNumber, mount, type Part, reason, useCall } from "@shop/kit";
import { useEffect, useRef } from "preact/hooks";
import "./shipping.css";

const REGION = /^[A-Z]{2}$/;

const shipping = client(ShippingService);

/** The price and the longest delivery time in working days. */
type Quote = { price: Money; deliveryDays: number };

/** What the checkout gives: the shipment, and what to do with its price. It is undefined while none is known. */
type QuoteProps = {
  regionCode: string;
  pieces: number;
  currencyCode: string;
  onQuote: (quote: Quote | undefined) => void;
};

function ShippingQuote({ regionCode, pieces, currencyCode, onQuote }: QuoteProps) {
  const complete = REGION.test(regionCode) && pieces > 0;
  const call = useCall(
    async (signal): Promise<Quote | undefined> => {
      if (!complete) {
        return undefined;
      }
      const { quote } = await shipping.quoteShipping({ regionCode, pieces, currencyCode }, { signal });
      return quote?.price && { price: quote.price, deliveryDays: quote.deliveryDays };
    },
    [regionCode, pieces, currencyCode],
  );
  const quote = call.error ? undefined : call.result;
  const tell = useRef(onQuote);
  tell.current = onQuote;
  useEffect(() => tell.current(quote), [quote]);
  return (
    <div class="shipping-quote" role="status">
      {complete ? (
        <Known call={call} regionCode={regionCode} />
      ) : (
        <p class="soft">Choose a country to see what shipping costs.</p>
      )}
    </div>
  );
}

function Known({ call, regionCode }: { call: Call<Quote | undefined>; regionCode: string }) {
  if (call.error && reason(call.error) === "REGION_NOT_SERVED") {
    return <p class="notice warn">We do not ship to {nameOf(regionCode)}. Please choose another country.</p>;
  }
  if (call.error) {
    return (
      <div class="notice warn">
        <p>The price of shipping is not known at the moment.</p>
        <button type="button" class="button quiet" onClick={call.reload}>
          Try again
        </button>
      </div>
    );
  }
  if (!call.result) {
    return (
      <p class="soft">{call.slow ? "The price of shipping takes longer than usual …" : "Asking for the price …"}</p>
    );
  }
  const { price, deliveryDays } = call.result;
  return (
    <p>
      Shipping to {nameOf(regionCode)}: <span class="price">{formatMoney(price)}</span>
      <span class="soft">
        {" "}
        · at most {formatNumber(deliveryDays)} working {deliveryDays === 1 ? "day" : "days"}
      </span>
    </p>
  );
}

function nameOf(regionCode: string): string {
  return new Intl.DisplayNames(["en"], { type: "region", fallback: "code" }).of(regionCode) ?? regionCode;
}

const part: Part = { pages: {}, slots: { "shipping-quote": mount(ShippingQuote) } };

export default part;
