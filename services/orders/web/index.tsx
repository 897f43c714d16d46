// The orders' part of the storefront: the cart, the checkout, and the customer's orders.
import { mount, type Part } from "@shop/kit";
import { Buy } from "./buy.tsx";
import { CartLink, CartPage } from "./cart-page.tsx";
import { Checkout } from "./checkout.tsx";
import { History } from "./history.tsx";
import { OrderPage } from "./order.tsx";
import "./orders.css";

const part: Part = {
  pages: {
    "/cart": mount(CartPage),
    "/checkout": mount(Checkout),
    "/orders": mount(History),
    "/orders/:id": mount(OrderPage),
  },
  slots: { buy: mount(Buy), header: mount(CartLink) },
};

export default part;
