// What a reload of the checkout keeps: the delivery as far as it is filled in. The payment token is never stored.
import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type ShippingAddress, ShippingAddressSchema } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { session } from "@shop/kit";

const KEY = "shop.checkout";
const HOME = "DE";

/** The regions that shipping serves. */
export const REGIONS = "AT BE CH CZ DE DK ES FI FR GB IE IT LU NL NO PL PT SE US".split(" ");

/** How the order reaches the customer. The address stays while the customer looks at the pickup. */
export type Draft = { pickup: boolean; address: ShippingAddress };

/** Return the draft of this tab and user. Without one, it is empty, in the region of the visitor's language. */
export function readDraft(): Draft {
  try {
    const stored: { user: string; pickup: boolean; address: JsonValue } = JSON.parse(
      sessionStorage.getItem(KEY) ?? "null",
    );
    if (stored.user === session()?.user) {
      const address = fromJson(ShippingAddressSchema, stored.address, { ignoreUnknownFields: true });
      return { pickup: stored.pickup, address };
    }
  } catch {
    // There is none, or another version of this page has written it.
  }
  return { pickup: false, address: create(ShippingAddressSchema, { lines: [""], regionCode: visitorsRegion() }) };
}

/** Keep a draft in this tab, for this user. */
export function saveDraft({ pickup, address }: Draft): void {
  const stored = { user: session()?.user, pickup, address: toJson(ShippingAddressSchema, address) };
  sessionStorage.setItem(KEY, JSON.stringify(stored));
}

/** Forget the draft of this tab. */
export function forgetDraft(): void {
  sessionStorage.removeItem(KEY);
}

/** Return the regions with their names, sorted by name. */
export function regionOptions(): { value: string; label: string }[] {
  const names = new Intl.DisplayNames(["en"], { type: "region" });
  const options = REGIONS.map((value) => ({ value, label: names.of(value) ?? value }));
  return options.sort((one, other) => one.label.localeCompare(other.label));
}

function visitorsRegion(): string {
  const region = new Intl.Locale(navigator.language).region ?? HOME;
  return REGIONS.includes(region) ? region : HOME;
}
