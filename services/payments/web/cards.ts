// The demo cards. services/payments/README.md says what the simulated card processor does with each.
import { formatNumber } from "@shop/kit";

/** The most that the card with a limit pays, in any currency. */
const LIMIT = 100;

/** A card that a person can pay with. */
export type Card = { token: string; name: string; hint: string; look: string };

/** The cards, the usual one first. */
export const CARDS: readonly [Card, ...Card[]] = [
  { token: "tok_visa", name: "Visa", hint: "Pays any amount", look: "wave" },
  { token: "tok_mastercard", name: "Mastercard", hint: "Pays any amount", look: "dots" },
  { token: "tok_amex", name: "American Express", hint: "Pays any amount", look: "frame" },
  {
    token: "tok_limited",
    name: "A card with a limit",
    hint: `Declines more than ${formatNumber(LIMIT)}`,
    look: "limit",
  },
  { token: "tok_declined", name: "A card that is declined", hint: "The bank refuses every payment", look: "declined" },
  { token: "tok_expired", name: "An expired card", hint: "It is no longer valid", look: "expired" },
  {
    token: "tok_insufficient_funds",
    name: "A card without enough money",
    hint: "The bank declines every amount",
    look: "empty",
  },
];
