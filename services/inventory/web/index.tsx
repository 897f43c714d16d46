// The inventory's part of the storefront: how many pieces of a product there are.
import { Code } from "@connectrpc/connect";
import { InventoryService } from "@shop/gen/shop/inventory/v1/inventory_pb.ts";
import { client, formatNumber, mount, type Part, useCall } from "@shop/kit";
import { useEffect } from "preact/hooks";

const LOW = 10;
const REFRESH_MS = 5000;

const inventory = client(InventoryService);

/** The stock of a product, read again every few seconds while the page is visible. */
function Stock({ product }: { product: string }) {
  const name = product.replace("products/", "stocks/");
  const call = useCall((signal) => inventory.getStock({ name }, { signal }), [name]);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || call.reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [call.reload]);
  const available = call.result?.stock?.available;
  if (available === undefined && call.error?.code === Code.NotFound) {
    return <p class="badge bad">Sold out</p>;
  }
  if (call.error) {
    return <p class="badge warn">The stock is not known at the moment</p>;
  }
  if (available === undefined) {
    return <p class="badge">{call.slow ? "The stock takes longer than usual …" : "…"}</p>;
  }
  if (available <= 0) {
    return <p class="badge bad">Sold out</p>;
  }
  return available <= LOW ? (
    <p class="badge warn">Only {formatNumber(available)} left</p>
  ) : (
    <p class="badge good">{formatNumber(available)} in stock</p>
  );
}

const part: Part = { pages: {}, slots: { stock: mount(Stock) } };

export default part;
