// The cart: products and quantities in the browser's storage. Names and prices are always those of the catalog.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Money, MoneySchema } from "@shop/gen/google/type/money_pb.ts";
import { CatalogService, type Product } from "@shop/gen/shop/catalog/v1/catalog_pb.ts";
import { cents, client, metadata, moneyOfCents, Stored } from "@shop/kit";

/** The largest quantity of one product in an order. The contract says so. */
export const MAX_QUANTITY = 1000;
/** The largest number of different products in an order. The contract says so. */
export const MAX_LINES = 50;

/** A product in the cart. */
export type CartLine = { product: string; quantity: number };

/** What the catalog knows of the products in the cart. */
export type Products = {
  /** The products that can be bought, by resource name. */
  forSale: ReadonlyMap<string, Product>;
  /** The display names of the others, by resource name; the id where the catalog has no such product. */
  gone: ReadonlyMap<string, string>;
};

const catalog = client(CatalogService);

/** The cart of this browser. */
export const cart = new Stored<readonly CartLine[]>("shop.cart", []);

/** Return the number of pieces in some lines. */
export function piecesOf(lines: readonly { quantity: number }[]): number {
  return lines.reduce((sum, { quantity }) => sum + quantity, 0);
}

/** Put more pieces of a product into the cart. Returns why that is not possible; undefined if it is. */
export function addToCart(product: string, quantity: number): string | undefined {
  const lines = cart.get();
  const before = lines.find((line) => line.product === product)?.quantity ?? 0;
  if (before + quantity > MAX_QUANTITY) {
    return `One order can have ${MAX_QUANTITY} pieces of a product at most. Your cart has ${before} already.`;
  }
  if (before === 0 && lines.length >= MAX_LINES) {
    return `One order can have ${MAX_LINES} products at most. Your cart is full.`;
  }
  setQuantity(product, before + quantity);
  return undefined;
}

/** Set the quantity of a product. Zero removes it. */
export function setQuantity(product: string, quantity: number): void {
  const lines = cart.get();
  if (quantity <= 0) {
    cart.set(lines.filter((line) => line.product !== product));
  } else if (lines.some((line) => line.product === product)) {
    cart.set(lines.map((line) => (line.product === product ? { product, quantity } : line)));
  } else {
    cart.set([...lines, { product, quantity }]);
  }
}

/** Remove what was ordered from the cart. What another tab has added meanwhile stays. */
export function removeOrdered(items: readonly CartLine[]): void {
  for (const { product, quantity } of items) {
    const before = cart.get().find((line) => line.product === product)?.quantity ?? 0;
    setQuantity(product, before - quantity);
  }
}

/** Put what was ordered back into the cart, where it is not there already. */
export function restoreOrdered(items: readonly CartLine[]): void {
  for (const { product, quantity } of items) {
    const before = cart.get().find((line) => line.product === product)?.quantity ?? 0;
    setQuantity(product, Math.max(before, quantity));
  }
}

/** Read products from the catalog. It refuses a batch with products that are not for sale, and says which those are. */
export async function readProducts(names: readonly string[], signal: AbortSignal): Promise<Products> {
  const gone = new Map<string, string>();
  let remaining = names;
  while (remaining.length > 0) {
    try {
      const { products } = await catalog.batchGetProducts({ names: [...remaining] }, { signal });
      return { forSale: new Map(products.map((product) => [product.name, product])), gone };
    } catch (error) {
      const refused = refusedProducts(error).filter((name) => remaining.includes(name));
      if (refused.length === 0) {
        throw error;
      }
      const labels = await Promise.all(refused.map((name) => readName(name, signal)));
      for (const [index, name] of refused.entries()) {
        gone.set(name, labels[index] ?? name);
      }
      remaining = remaining.filter((name) => !gone.has(name));
    }
  }
  return { forSale: new Map(), gone };
}

/** Return the sum of some lines at the catalog's prices, one for each currency. */
export function subtotals(lines: readonly CartLine[], { forSale }: Products): Money[] {
  const sums = new Map<string, bigint>();
  for (const { product, quantity } of lines) {
    const price = forSale.get(product)?.price;
    if (price) {
      sums.set(price.currencyCode, (sums.get(price.currencyCode) ?? 0n) + cents(price) * BigInt(quantity));
    }
  }
  return [...sums].map(([currency, amount]) => money(amount, currency));
}

/** Return an amount of cents as a Money. */
export function money(amount: bigint, currency: string): Money {
  return create(MoneySchema, moneyOfCents(amount, currency));
}

/** Return the price of some pieces. */
export function times(price: Money | undefined, quantity: number): Money | undefined {
  return price && money(cents(price) * BigInt(quantity), price.currencyCode);
}

/** Return the address of a product's page. */
export function pageOf(product: string): string {
  return `/${product}`;
}

function refusedProducts(error: unknown): string[] {
  const { code } = ConnectError.from(error);
  const refused = code === Code.NotFound || code === Code.FailedPrecondition;
  return refused ? (metadata(error).products ?? "").split(",").filter(Boolean) : [];
}

// A discontinued product still has a name. Without it, the id says enough.
async function readName(name: string, signal: AbortSignal): Promise<string> {
  try {
    const { product } = await catalog.getProduct({ name }, { signal });
    return product?.displayName || name;
  } catch {
    return name.replace("products/", "");
  }
}
