// The cart's page, and the link to it in the header.
import {
  Await,
  type Call,
  Empty,
  formatMoney,
  formatNumber,
  useAddress,
  useCall,
  useStored,
  useTitle,
} from "@shop/kit";
import { useEffect } from "preact/hooks";
import {
  type CartLine,
  cart,
  type Products,
  pageOf,
  piecesOf,
  readProducts,
  setQuantity,
  subtotals,
  times,
} from "./cart.ts";
import { Quantity } from "./quantity.tsx";

/** The link to the cart, with the number of pieces. */
export function CartLink() {
  const pieces = piecesOf(useStored(cart));
  const here = new URL(useAddress(), location.origin).pathname === "/cart";
  return (
    <a class="cart-link" href="/cart" aria-current={here ? "page" : undefined}>
      <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
        <path d="M5 8h14l-1 12H6zM9 8V7a3 3 0 0 1 6 0v1" />
      </svg>
      <span class="cart-word">Cart</span>{" "}
      {pieces > 0 && (
        <span class="cart-count">
          {formatNumber(pieces)}
          <span class="visually-hidden">{pieces === 1 ? " piece" : " pieces"}</span>
        </span>
      )}
    </a>
  );
}

/** Use the cart with its products, which are read again when there are others. */
export function useCart(): { lines: readonly CartLine[]; call: Call<Products> } {
  const lines = useStored(cart);
  const names = lines.map(({ product }) => product);
  const call = useCall((signal) => readProducts(names, signal), []);
  const known = (name: string) => call.result?.forSale.has(name) || call.result?.gone.has(name);
  // Another tab, too, adds products. A removed one is no reason to wait.
  useEffect(() => {
    if (call.result && !names.every(known)) {
      call.reload();
    }
  }, [names.join()]);
  return { lines, call };
}

/** The page of the cart. */
export function CartPage() {
  useTitle("Cart");
  const { lines, call } = useCart();
  return (
    <>
      <h1>Your cart</h1>
      {lines.length === 0 ? (
        <Empty title="Your cart is empty.">
          <p>
            <a href="/">Find something good</a>
          </p>
        </Empty>
      ) : (
        <Await call={call}>{(products) => <Filled lines={lines} products={products} />}</Await>
      )}
    </>
  );
}

function Filled({ lines, products }: { lines: readonly CartLine[]; products: Products }) {
  const sums = subtotals(lines, products);
  const gone = lines.filter(({ product }) => products.gone.has(product));
  return (
    <div class="columns wide-left">
      <ul class="cart-lines">
        {lines.map((line) => (
          <li key={line.product} class="card cart-line">
            <Line line={line} products={products} />
          </li>
        ))}
      </ul>
      <section class="card" aria-labelledby="cart-sum">
        <h2 id="cart-sum">Subtotal</h2>
        <p class="cart-subtotal price" role="status">
          {sums.map((sum) => formatMoney(sum)).join(" + ") || "–"}
        </p>
        <p class="soft small">Taxes included. Shipping is added at the checkout.</p>
        {gone.length > 0 && <p class="notice warn">Please remove what is no longer for sale.</p>}
        {sums.length > 1 && (
          <p class="notice warn">One order can only have one currency. Please order these separately.</p>
        )}
        {gone.length === 0 && sums.length === 1 && (
          <a class="button wide" href="/checkout">
            Go to the checkout
          </a>
        )}
      </section>
    </div>
  );
}

function Line({ line: { product, quantity }, products }: { line: CartLine; products: Products }) {
  const found = products.forSale.get(product);
  const name = found?.displayName ?? products.gone.get(product) ?? product;
  const remove = () => {
    setQuantity(product, 0);
    // The button is gone; the keyboard continues at the top of the page.
    document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true });
  };
  return (
    <>
      <div class="cart-line-name">
        <a href={pageOf(product)}>{name}</a>
        {found ? (
          <span class="soft small">{formatMoney(found.price)} each</span>
        ) : (
          <span class="badge bad">{products.gone.has(product) ? "No longer for sale" : "…"}</span>
        )}
      </div>
      {found && (
        <Quantity label={`Quantity of ${name}`} value={quantity} onValue={(pieces) => setQuantity(product, pieces)} />
      )}
      <span class="price cart-line-price">{found && formatMoney(times(found.price, quantity))}</span>
      <button type="button" class="link-button" aria-label={`Remove ${name}`} onClick={remove}>
        Remove
      </button>
    </>
  );
}
