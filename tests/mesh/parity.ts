// Sends each request twice, with and without validation in the client, and prints what is wrong with it by each.
//
// Reads [[service, method, request as JSON], …]; prints [[violations by the client, violations by the server], …].
import { readFileSync } from "node:fs";
import { createRegistry, fromJson, type DescService } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { file_shop_catalog_v1_catalog } from "../gen/shop/catalog/v1/catalog_pb.ts";
import { file_shop_identity_v1_identity } from "../gen/shop/identity/v1/identity_pb.ts";
import { file_shop_inventory_v1_inventory } from "../gen/shop/inventory/v1/inventory_pb.ts";
import { file_shop_orders_v1_orders } from "../gen/shop/orders/v1/orders_pb.ts";
import { file_shop_orders_v2_orders } from "../gen/shop/orders/v2/orders_pb.ts";
import { file_shop_shipping_v1_shipping } from "../gen/shop/shipping/v1/shipping_pb.ts";
import { connect, fieldViolations, type FieldViolation } from "./client.ts";

const registry = createRegistry(
  file_shop_catalog_v1_catalog,
  file_shop_identity_v1_identity,
  file_shop_inventory_v1_inventory,
  file_shop_orders_v1_orders,
  file_shop_orders_v2_orders,
  file_shop_shipping_v1_shipping,
);
const [url = "", token = ""] = process.argv.slice(2);
const requests = JSON.parse(readFileSync(0, "utf-8"));
const printed: FieldViolation[][][] = [];
for (const [serviceName, methodName, json] of requests) {
  const service = registry.getService(serviceName) as DescService;
  const method = service.methods.find(({ name }) => name === methodName);
  if (!method) {
    throw new Error(`${serviceName} has no ${methodName}`);
  }
  const request = fromJson(method.input, json);
  const found: FieldViolation[][] = [];
  for (const validate of [true, false]) {
    // The server must not see what the client rejects: no address of this name exists.
    const transport = connect({ url: validate ? "http://nowhere.invalid" : url, token, validate });
    try {
      const call = createClient(service, transport)[method.localName] as (request: unknown) => unknown;
      const result = call(request);
      await (method.methodKind === "server_streaming" ? drain(result as AsyncIterable<unknown>) : result);
      found.push([]);
    } catch (error) {
      const violations = fieldViolations(error);
      found.push(violations.length ? violations : [{ field: "", description: ConnectError.from(error).message }]);
    }
  }
  printed.push(found);
}
console.log(JSON.stringify(printed));

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
