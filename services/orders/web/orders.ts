// What the pages of orders know about orders.

import type { Order, Order_Rejection } from "@shop/gen/shop/orders/v2/orders_pb.ts";
import {
  OrdersService,
  Order_Rejection_Reason as Reason,
  Order_State as State,
} from "@shop/gen/shop/orders/v2/orders_pb.ts";
import { cents, client } from "@shop/kit";

/** Calls of orders. */
export const orders = client(OrdersService);

/** The logged-in user as a customer. */
export const ME = "customers/me";

/** Return whether an order has reached its end. */
export function hasEnded({ state }: Order): boolean {
  return state === State.CONFIRMED || state === State.REJECTED || state === State.CANCELLED;
}

/** Return whether the customer picks the order up. Every shipment has a price. */
export function isPickup({ costs }: Order): boolean {
  return costs?.shipping === undefined || cents(costs.shipping) === 0n;
}

/** Return the state of an order as a badge: its text and its colour. */
export function badgeOf({ state }: Order): { text: string; colour: string } {
  switch (state) {
    case State.PENDING:
      return { text: "In progress", colour: "warn" };
    case State.CONFIRMED:
      return { text: "Confirmed", colour: "good" };
    case State.REJECTED:
      return { text: "Not accepted", colour: "bad" };
    case State.CANCELLING:
      return { text: "Being cancelled", colour: "warn" };
    case State.CANCELLED:
      return { text: "Cancelled", colour: "" };
    default:
      return { text: "Unknown", colour: "" };
  }
}

/** Return the state of an order as a sentence. */
export function sentenceOf(order: Order): string {
  switch (order.state) {
    case State.PENDING:
      return "We are working on your order. It continues without this page, and you find it under “My orders”.";
    case State.CONFIRMED:
      return isPickup(order)
        ? "Your order is confirmed. You can pick it up at the shop."
        : "Your order is confirmed and will be shipped.";
    case State.REJECTED:
      return "We could not accept this order. Nothing was charged.";
    case State.CANCELLING:
      return "Your order is being cancelled.";
    case State.CANCELLED:
      return "Your order is cancelled. Your payment was refunded.";
    default:
      return "The state of this order is not known at the moment.";
  }
}

/** Say why an order was rejected, and what the customer can do. */
export function explainRejection({ reason }: Order_Rejection): { what: string; todo: string } {
  switch (reason) {
    case Reason.INSUFFICIENT_STOCK:
      return {
        what: "There are not enough pieces left.",
        todo: "Order fewer pieces, or look at the stock of the product.",
      };
    case Reason.PAYMENT_DECLINED:
      return { what: "The bank declined the payment.", todo: "Try again with another card." };
    case Reason.SHIPPING_REFUSED:
      return {
        what: "The order cannot be shipped to this address at this price.",
        todo: "Check the address, or pick the order up at the shop.",
      };
    case Reason.DEPENDENCY_FAILED:
      return { what: "A part of the shop failed while it processed the order.", todo: "Try again in a moment." };
    default:
      return { what: "The order was not accepted.", todo: "Try again in a moment." };
  }
}

/** A step of an order on its way. */
export type Step = { label: string; status: "done" | "current" | "open" | "failed" };

/** Return the steps of an order, as far as it has come. */
export function stepsOf(order: Order): Step[] {
  const placed: Step = { label: "Placed", status: "done" };
  const reserved: Step = {
    label: isPickup(order) ? "Reserved and paid" : "Reserved, paid and shipment booked",
    status: "done",
  };
  const confirmed: Step = { label: "Confirmed", status: "done" };
  switch (order.state) {
    case State.CONFIRMED:
      return [placed, reserved, confirmed];
    case State.REJECTED:
      return [placed, { label: "Not accepted: nothing is reserved or charged", status: "failed" }];
    case State.CANCELLING:
      return [placed, reserved, confirmed, { label: "Being cancelled", status: "current" }];
    case State.CANCELLED:
      return [placed, reserved, confirmed, { label: "Cancelled and refunded", status: "done" }];
    default:
      return [placed, { ...reserved, status: "current" }, { ...confirmed, status: "open" }];
  }
}
