// The delivery in the checkout: an address with its shipping price, or a pickup.
import type { Money } from "@shop/gen/google/type/money_pb.ts";
import type { PlaceOrderRequestSchema, ShippingAddress } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { Field, type Form, Slot } from "@shop/kit";
import { regionOptions } from "./draft.ts";

const REGION_OPTIONS = regionOptions();
const PREFIX = "shipping_address.";

/** What shipping takes for the order, and how long it takes. */
export type Quote = { price: Money; deliveryDays: number };

type DeliveryProps = {
  form: Form<typeof PlaceOrderRequestSchema>;
  pieces: number;
  currency: string;
  choose: (pickup: boolean) => void;
  edit: (change: (address: ShippingAddress) => void) => void;
  onQuote: (quote: Quote | undefined) => void;
};

/** The choice between shipping and pickup, and the address. */
export function Delivery({ form, pieces, currency, choose, edit, onQuote }: DeliveryProps) {
  const { delivery } = form.values;
  const address = delivery.case === "shippingAddress" ? delivery.value : undefined;
  return (
    <fieldset class="checkout-block">
      <legend>Delivery</legend>
      <div class="choices">
        <label class="choice">
          <input type="radio" name="delivery" checked={address !== undefined} onChange={() => choose(false)} />
          Ship it to me
        </label>
        <label class="choice">
          <input type="radio" name="delivery" checked={address === undefined} onChange={() => choose(true)} />I pick it
          up at the shop
        </label>
      </div>
      {address && (
        <>
          <AddressFields form={form} address={address} edit={edit} />
          <Slot
            name="shipping-quote"
            props={{ regionCode: address.regionCode, pieces, currencyCode: currency, onQuote }}
          />
        </>
      )}
    </fieldset>
  );
}

function AddressFields({ form, address, edit }: Pick<DeliveryProps, "form" | "edit"> & { address: ShippingAddress }) {
  const [first = "", second = ""] = address.lines;
  return (
    <>
      <Field
        form={form}
        field={`${PREFIX}recipient`}
        label="Name"
        autocomplete="shipping name"
        value={address.recipient}
        onValue={(text) => edit((each) => (each.recipient = text))}
      />
      <Field
        form={form}
        field={`${PREFIX}lines[0]`}
        label="Street and number"
        autocomplete="shipping address-line1"
        value={first}
        onValue={(text) => edit((each) => (each.lines = linesOf(text, second)))}
      />
      <Field
        form={form}
        field={`${PREFIX}lines[1]`}
        label="Floor, company, care of (optional)"
        autocomplete="shipping address-line2"
        value={second}
        onValue={(text) => edit((each) => (each.lines = linesOf(first, text)))}
      />
      <div class="checkout-town">
        <Field
          form={form}
          field={`${PREFIX}postal_code`}
          label="Postal code"
          autocomplete="shipping postal-code"
          value={address.postalCode}
          onValue={(text) => edit((each) => (each.postalCode = text))}
        />
        <Field
          form={form}
          field={`${PREFIX}locality`}
          label="Town"
          autocomplete="shipping address-level2"
          value={address.locality}
          onValue={(text) => edit((each) => (each.locality = text))}
        />
      </div>
      <Field
        form={form}
        field={`${PREFIX}region_code`}
        label="Country"
        autocomplete="shipping country"
        options={REGION_OPTIONS}
        value={address.regionCode}
        onValue={(code) => edit((each) => (each.regionCode = code))}
      />
    </>
  );
}

function linesOf(first: string, second: string): string[] {
  return second ? [first, second] : [first];
}
