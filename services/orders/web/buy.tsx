// The button on a product's page that puts it into the cart.
import { formatNumber } from "@shop/kit";
import { useState } from "preact/hooks";
import { addToCart } from "./cart.ts";
import { Quantity } from "./quantity.tsx";

/** A quantity and "Add to cart", with a confirmation. */
export function Buy({ product, displayName }: { product: string; displayName: string }) {
  const [quantity, setQuantity] = useState(1);
  const [added, setAdded] = useState<{ pieces: number; problem: string | undefined }>();
  const submit = (event: Event) => {
    event.preventDefault();
    setAdded({ pieces: quantity, problem: addToCart(product, quantity) });
    setQuantity(1);
  };
  return (
    <form class="buy" aria-label="Buy" onSubmit={submit}>
      <div class="row">
        <Quantity label={`Quantity of ${displayName}`} value={quantity} onValue={setQuantity} />
        <button class="button" type="submit">
          Add to cart
        </button>
      </div>
      <div role="status">
        {added?.problem && <p class="notice warn">{added.problem}</p>}
        {added && !added.problem && (
          <p class="notice good">
            {formatNumber(added.pieces)} × {displayName} added. <a href="/cart">Go to the cart</a>
          </p>
        )}
      </div>
    </form>
  );
}
