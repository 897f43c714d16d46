// The page of one product. Other parts show its stock and the button that buys it.
import { Code } from "@connectrpc/connect";
import type { Product } from "@shop/gen/shop/catalog/v1/catalog_pb.ts";
import { Await, Empty, formatMoney, type PageProps, Slot, useCall, useSession, useTitle } from "@shop/kit";
import { Picture } from "./picture.tsx";
import { catalog, idOf, labelOf } from "./products.ts";

/** The product that the address names. */
export function ProductPage({ params }: PageProps) {
  const name = `products/${params.id}`;
  const call = useCall((signal) => catalog.getProduct({ name }, { signal }), [name]);
  useTitle(call.result?.product?.displayName ?? "");
  if (call.error?.code === Code.NotFound) {
    return <Unknown />;
  }
  return (
    <>
      {!call.result && <h1 class="visually-hidden">Product</h1>}
      <Await call={call}>{({ product }) => product && <Details product={product} />}</Await>
    </>
  );
}

function Unknown() {
  return (
    <>
      <h1>Not found</h1>
      <Empty title="There is no such product.">
        <p>
          <a href="/">To the shop</a>
        </p>
      </Empty>
    </>
  );
}

function Details({ product }: { product: Product }) {
  const merchandiser = useSession()?.roles.includes("merchandiser");
  return (
    <article class="details">
      <div class="card details-picture">
        <Picture name={product.name} category={product.category} />
      </div>
      <div>
        <p class="small">
          <a href={`/?category=${encodeURIComponent(product.category)}`}>{labelOf(product.category)}</a>
        </p>
        <h1>{product.displayName}</h1>
        <p class="details-price price">{formatMoney(product.price)}</p>
        <p>{product.description}</p>
        {product.discontinued && <p class="notice warn">This product is no longer for sale.</p>}
        <Slot name="stock" props={{ product: product.name }} />
        {!product.discontinued && (
          <Slot name="buy" props={{ product: product.name, displayName: product.displayName }} />
        )}
        {merchandiser && (
          <p class="details-edit">
            <a href={`/merchandising/${idOf(product)}`}>Edit this product</a>
          </p>
        )}
      </div>
    </article>
  );
}
