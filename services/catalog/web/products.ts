// What the pages of the catalog know about products.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListProductsRequestSchema } from "@shop/gen/shop/catalog/v1/catalog_pb.ts";
import { CatalogService, type ListProductsRequest, type Product } from "@shop/gen/shop/catalog/v1/catalog_pb.ts";
import { client, moneyOfCents } from "@shop/kit";

/** The largest page that the contract allows. */
const MAX_PAGE = 100;
const PAGE = 24;
const DECIMAL = /^\d{1,7}([.,]\d{1,2})?$/;

/** Calls of the catalog. */
export const catalog = client(CatalogService);

/** What a list of products shows, as it is in the address of the page. */
export type Filter = { search: string; category: string; order: string; min: string; max: string };

/** Read the filter from the query of an address. */
export function filterOf(query: URLSearchParams): Filter {
  const value = (name: string) => query.get(name) ?? "";
  return {
    search: value("search"),
    category: value("category"),
    order: value("order"),
    min: value("min"),
    max: value("max"),
  };
}

/** Return the query of a filter, with "?"; empty for the filter that matches everything. */
export function queryOf(filter: Filter): string {
  const set = Object.entries(filter).filter(([, value]) => value !== "");
  return set.length > 0 ? `?${new URLSearchParams(set)}` : "";
}

/** Return the request for a page of the products that match a filter. */
export function requestOf(filter: Filter, pageToken: string): MessageInitShape<typeof ListProductsRequestSchema> {
  const min = priceOf(filter.min);
  const max = priceOf(filter.max);
  return {
    pageSize: PAGE,
    pageToken,
    search: filter.search,
    category: filter.category,
    orderBy: filter.order,
    ...(min ? { minPrice: min } : {}),
    ...(max ? { maxPrice: max } : {}),
  };
}

/** Return the amount that a person has typed ("8.90" or "8,90"); undefined if it is none. */
export function priceOf(text: string, currency = "EUR"): ReturnType<typeof moneyOfCents> | undefined {
  if (!DECIMAL.test(text.trim())) {
    return undefined;
  }
  const [units = "0", fraction = ""] = text.trim().split(/[.,]/);
  const amount = BigInt(units) * 100n + BigInt(fraction.padEnd(2, "0"));
  return amount > 0n ? moneyOfCents(amount, currency) : undefined;
}

/** Return every product, by as many calls as the pages need. */
export async function allProducts(
  request: Partial<Pick<ListProductsRequest, "showDiscontinued" | "orderBy">>,
  signal: AbortSignal,
): Promise<Product[]> {
  const products: Product[] = [];
  let pageToken = "";
  do {
    const page = await catalog.listProducts({ ...request, pageSize: MAX_PAGE, pageToken }, { signal });
    products.push(...page.products);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return products;
}

/** Return the categories with the number of their products, sorted by name. */
export async function categories(signal: AbortSignal): Promise<[string, number][]> {
  const counts = new Map<string, number>();
  for (const { category } of await allProducts({}, signal)) {
    counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  return [...counts].sort();
}

/** Return a category as a heading: "cups-and-glasses" is "Cups and glasses". */
export function labelOf(category: string): string {
  const words = category.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return the id in the name of a product. */
export function idOf(product: Product): string {
  return product.name.replace("products/", "");
}
