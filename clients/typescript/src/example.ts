// Logs in, lists products, places an order, watches it, and shows how an invalid request is refused.
import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import type { Money } from "../gen/google/type/money_pb.ts";
import { CatalogService } from "../gen/shop/catalog/v1/catalog_pb.ts";
import { IdentityService } from "../gen/shop/identity/v1/identity_pb.ts";
import { Order_StateSchema, OrdersService, type Order } from "../gen/shop/orders/v2/orders_pb.ts";
import { connect, fieldViolations, reason } from "./client.ts";

const url = `http://${process.env.MESH_GATEWAY ?? "localhost:8080"}`;
const anyone = connect({ url });

const email = `${randomUUID()}@shop.example`;
const password = randomUUID();
const identity = createClient(IdentityService, anyone);
const user = { email, displayName: "Ada" };
await identity.createUser({ requestId: randomUUID(), user, password });
const { accessToken: token } = await identity.issueToken({ email, password });
console.log("logged in");

const { products } = await createClient(CatalogService, anyone).listProducts({ pageSize: 3 });
for (const { name, displayName, price } of products) {
  console.log(`${name}: ${displayName}, ${amount(price)}`);
}

const orders = createClient(OrdersService, connect({ url, token }));
const { order } = await orders.placeOrder({
  requestId: randomUUID(),
  customer: "customers/me",
  items: [{ product: "products/p-0031", quantity: 2 }],
  paymentToken: "tok_visa",
  delivery: { case: "pickup", value: {} },
});
console.log(`placed ${order?.name}: ${state(order)}, ${amount(order?.costs?.total)}`);

for await (const change of orders.watchOrder({ name: order?.name })) {
  console.log(`watched: ${state(change.order)}`);
}

const invalid = { customer: "ada", items: [{ product: "products/p-0031", quantity: -1 }] };
try {
  await orders.placeOrder(invalid);
} catch (error) {
  printRefusal("refused before it was sent", error);
}

const unchecked = createClient(OrdersService, connect({ url, token, validate: false }));
try {
  await unchecked.placeOrder(invalid);
} catch (error) {
  printRefusal(`refused by the server, ${reason(error)}`, error);
}

function printRefusal(text: string, error: unknown): void {
  console.log(`${text}:`);
  for (const { field, description } of fieldViolations(error)) {
    console.log(`  ${field} ${description}`);
  }
}

function state(order: Order | undefined): string | undefined {
  return order && Order_StateSchema.value[order.state]?.name;
}

function amount(money: Money | undefined): string {
  return money ? `${(Number(money.units) + money.nanos / 1e9).toFixed(2)} ${money.currencyCode}` : "no price";
}
