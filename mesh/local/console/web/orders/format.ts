// The times and amounts of a story.
import { formatMoney } from "@shop/kit";
import { dateOf } from "../format.ts";
import type { Amount } from "./story.ts";

const NANOS = 1_000_000_000;
const CLOCK = new Intl.DateTimeFormat(navigator.languages as string[], {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

/** Return a time of the day with milliseconds. `time` is RFC 3339, or seconds since 1970. */
export function clock(time: string | number): string {
  return CLOCK.format(dateOf(time));
}

/** Return a duration in the unit that suits it: "0.25 ms", "62 ms", "12.4 s". */
export function elapsed(seconds: number): string {
  const milliseconds = seconds * 1000;
  if (Math.abs(milliseconds) < 10) {
    return `${milliseconds.toFixed(milliseconds ? 2 : 0)} ms`;
  }
  if (Math.abs(seconds) < 1) {
    return `${milliseconds.toFixed(0)} ms`;
  }
  return Math.abs(seconds) < 120 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(0)} min`;
}

/** Return an amount in the visitor's format. */
export function money(amount: Amount | undefined): string {
  return amount
    ? formatMoney({
        $typeName: "google.type.Money",
        currencyCode: amount.currency_code,
        units: BigInt(amount.units ?? 0),
        nanos: amount.nanos ?? 0,
      })
    : "";
}

/** Return an amount as many times. */
export function times(amount: Amount, quantity: number): Amount {
  const nanos = (amount.nanos ?? 0) * quantity;
  const units = BigInt(amount.units ?? 0) * BigInt(quantity) + BigInt(Math.floor(nanos / NANOS));
  return { ...amount, units: String(units), nanos: nanos % NANOS };
}
