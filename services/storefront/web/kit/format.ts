// Money, dates and numbers, as the visitor's browser writes them.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Money } from "@shop/gen/google/type/money_pb.ts";

const NANOS = 1_000_000_000;
const CENT_NANOS = 10_000_000;

/** Return an amount with its currency, for example "€8.90"; an empty string for no amount. */
export function formatMoney(money: Money | undefined): string {
  if (!money) {
    return "";
  }
  const amount = Number(money.units) + money.nanos / NANOS;
  return new Intl.NumberFormat(navigator.languages as string[], {
    style: "currency",
    currency: money.currencyCode,
  }).format(amount);
}

/** Return an amount in cents. */
export function cents(money: Pick<Money, "units" | "nanos">): bigint {
  return money.units * 100n + BigInt(Math.round(money.nanos / CENT_NANOS));
}

/** Return an amount of cents as the fields of a Money. */
export function moneyOfCents(
  amount: bigint,
  currencyCode: string,
): { currencyCode: string; units: bigint; nanos: number } {
  return { currencyCode, units: amount / 100n, nanos: Number(amount % 100n) * CENT_NANOS };
}

/** Return a date with its time, for example "27 Nov 2026, 16:05"; an empty string for none. */
export function formatTime(time: Timestamp | undefined): string {
  if (!time) {
    return "";
  }
  return new Intl.DateTimeFormat(navigator.languages as string[], { dateStyle: "medium", timeStyle: "short" }).format(
    timestampDate(time),
  );
}

/** Return a number with separators. */
export function formatNumber(value: number | bigint): string {
  return new Intl.NumberFormat(navigator.languages as string[]).format(value);
}
