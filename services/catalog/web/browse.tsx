// The first page: all products, with search, filters and order. The address has all of it.

import { ConnectError } from "@connectrpc/connect";
import type { Product } from "@shop/gen/shop/catalog/v1/catalog_pb.ts";
import { Await, Empty, explain, Failure, formatMoney, navigate, type PageProps, useCall, useTitle } from "@shop/kit";
import { useEffect, useRef, useState } from "preact/hooks";
import { Picture } from "./picture.tsx";
import { catalog, categories, type Filter, filterOf, idOf, labelOf, priceOf, queryOf, requestOf } from "./products.ts";

const ORDERS = [
  { value: "", label: "Featured" },
  { value: "display_name", label: "Name" },
  { value: "price", label: "Price, lowest first" },
  { value: "price desc", label: "Price, highest first" },
];

/** The products, as the query of the address selects them. */
export function Browse({ query }: PageProps) {
  const filter = filterOf(query);
  useTitle(filter.category ? labelOf(filter.category) : "");
  const change = (changed: Partial<Filter>) => navigate(`/${queryOf({ ...filter, ...changed })}`);
  return (
    <>
      <h1>{filter.category ? labelOf(filter.category) : "Good mornings, made by hand"}</h1>
      <Categories filter={filter} />
      <Filters key={queryOf(filter)} filter={filter} change={change} />
      <List filter={filter} />
    </>
  );
}

function Categories({ filter }: { filter: Filter }) {
  const call = useCall(categories, []);
  const row = useRef<HTMLElement>(null);
  useEffect(() => showCurrent(row.current), [call.result, filter.category]);
  // Without them, everything else still works.
  if (!call.result) {
    return null;
  }
  return (
    <nav class="categories" aria-label="Categories" ref={row}>
      <a href={`/${queryOf({ ...filter, category: "" })}`} aria-current={filter.category ? undefined : "page"}>
        Everything
      </a>
      {call.result.map(([category, count]) => (
        <a
          key={category}
          href={`/${queryOf({ ...filter, category })}`}
          aria-current={category === filter.category ? "page" : undefined}
        >
          {labelOf(category)} <span class="soft">{count}</span>
        </a>
      ))}
    </nav>
  );
}

/** On a phone the categories are one row: scroll it to the current one. The page itself stays where it is. */
function showCurrent(row: HTMLElement | null): void {
  const current = row?.querySelector("[aria-current]");
  if (row && current) {
    const [outer, inner] = [row.getBoundingClientRect(), current.getBoundingClientRect()];
    row.scrollLeft += inner.left + inner.width / 2 - (outer.left + outer.width / 2);
  }
}

function Filters({ filter, change }: { filter: Filter; change: (changed: Partial<Filter>) => void }) {
  const [typed, setTyped] = useState(filter);
  const invalid = (["min", "max"] as const).filter((name) => typed[name] && !priceOf(typed[name]));
  const submit = (event: Event) => {
    event.preventDefault();
    if (invalid.length === 0) {
      change(typed);
    }
  };
  const input = (name: "search" | "min" | "max") => ({
    value: typed[name],
    "aria-invalid": invalid.some((each) => each === name),
    onInput: (event: { currentTarget: HTMLInputElement }) => setTyped({ ...typed, [name]: event.currentTarget.value }),
  });
  return (
    <form class="filters" role="search" onSubmit={submit}>
      <label class="filters-search">
        Search
        <input
          class="input"
          type="search"
          maxLength={100}
          placeholder="Blueberry, copper, 1 kg …"
          {...input("search")}
        />
      </label>
      <label>
        From €
        <input class="input" inputMode="decimal" {...input("min")} />
      </label>
      <label>
        To €
        <input class="input" inputMode="decimal" {...input("max")} />
      </label>
      <label>
        Order
        <select
          class="input"
          value={filter.order}
          onChange={(event) => change({ ...typed, order: event.currentTarget.value })}
        >
          {ORDERS.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button class="button quiet" type="submit">
        Search
      </button>
      {invalid.length > 0 && (
        <p class="field-error" role="alert">
          A price is a number such as 8 or 8.90.
        </p>
      )}
    </form>
  );
}

function List({ filter }: { filter: Filter }) {
  const call = useCall((signal) => catalog.listProducts(requestOf(filter, ""), { signal }), [queryOf(filter)]);
  return (
    <Await call={call} skeleton={<Placeholders />}>
      {(page) =>
        page.products.length > 0 ? (
          <Pages key={queryOf(filter)} filter={filter} first={page.products} token={page.nextPageToken} />
        ) : (
          <Empty title="Nothing matches.">
            <p>
              <a href="/">Show everything</a>
            </p>
          </Empty>
        )
      }
    </Await>
  );
}

function Pages({ filter, first, token }: { filter: Filter; first: readonly Product[]; token: string }) {
  const [more, setMore] = useState<{ products: readonly Product[]; token: string; error?: string }>({
    products: [],
    token,
  });
  const [pending, setPending] = useState(false);
  useEffect(() => setMore({ products: [], token }), [first, token]);
  const load = async () => {
    setPending(true);
    try {
      const page = await catalog.listProducts(requestOf(filter, more.token));
      setMore({ products: [...more.products, ...page.products], token: page.nextPageToken });
    } catch (error) {
      setMore({ ...more, error: explain(ConnectError.from(error)) });
    } finally {
      setPending(false);
    }
  };
  return (
    <>
      <ul class="products">
        {[...first, ...more.products].map((product) => (
          <li key={product.name}>
            <a class="card product" href={`/products/${idOf(product)}`}>
              <Picture name={product.name} category={product.category} />
              <span class="product-name">{product.displayName}</span>
              <span class="price">{formatMoney(product.price)}</span>
            </a>
          </li>
        ))}
      </ul>
      {more.error ? (
        <Failure title={more.error} onRetry={() => void load()} />
      ) : (
        more.token && (
          <p class="more">
            <button class="button quiet" type="button" aria-disabled={pending} onClick={() => void (pending || load())}>
              {pending ? "One moment …" : "Show more"}
            </button>
          </p>
        )
      )}
    </>
  );
}

function Placeholders() {
  return (
    <div class="products" aria-hidden="true">
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index} class="card skeleton placeholder">
          <span />
          <span />
        </div>
      ))}
    </div>
  );
}
