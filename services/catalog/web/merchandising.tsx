// The merchandiser's pages: all products, and the form that adds or changes one.
import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { MoneySchema } from "@shop/gen/google/type/money_pb.ts";
import {
  CreateProductRequestSchema,
  type Product,
  UpdateProductRequestSchema,
} from "@shop/gen/shop/catalog/v1/catalog_pb.ts";
import {
  Await,
  cents,
  Empty,
  explain,
  Field,
  FormView,
  formatMoney,
  navigate,
  type PageProps,
  useCall,
  useForm,
  useSession,
  useTitle,
} from "@shop/kit";
import type { ComponentChildren, ComponentProps } from "preact";
import { useState } from "preact/hooks";
import { allProducts, catalog, idOf, labelOf, priceOf } from "./products.ts";

const CURRENCIES = ["EUR", "GBP", "USD"].map((value) => ({ value, label: value }));
const FIELDS = ["display_name", "description", "category", "price", "discontinued"];

function ForMerchandisers({ children }: { children: ComponentChildren }) {
  if (useSession()?.roles.includes("merchandiser")) {
    return <>{children}</>;
  }
  return (
    <Empty title="Only merchandisers may edit products.">
      <p>
        <a href={`/login?next=${encodeURIComponent(location.pathname)}`}>Log in as one</a>
      </p>
    </Empty>
  );
}

/** The list of all products, also of those that are no longer for sale. */
export function Merchandising({ query }: PageProps) {
  useTitle("Merchandising");
  const call = useCall((signal) => allProducts({ showDiscontinued: true }, signal), []);
  const [search, setSearch] = useState("");
  const words = search.toLowerCase().split(" ");
  const saved = query.get("saved");
  return (
    <ForMerchandisers>
      <div class="row between">
        <h1>Merchandising</h1>
        <a class="button" href="/merchandising/new">
          New product
        </a>
      </div>
      {saved && (
        <p class="notice good" role="status">
          Saved: <a href={`/products/${saved}`}>{saved}</a>
        </p>
      )}
      <label class="find">
        Find
        <input class="input" type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
      </label>
      <Await call={call}>
        {(products) => (
          <div class="scroll" tabIndex={0} role="region" aria-label="Products">
            <table>
              <thead>
                <tr>
                  <th scope="col">Product</th>
                  <th scope="col">Category</th>
                  <th scope="col" class="number">
                    Price
                  </th>
                  <th scope="col">For sale</th>
                </tr>
              </thead>
              <tbody>
                {products
                  .filter(({ name, displayName }) =>
                    words.every((word) => `${name} ${displayName}`.toLowerCase().includes(word)),
                  )
                  .map((product) => (
                    <tr key={product.name}>
                      <td>
                        <a href={`/merchandising/${idOf(product)}`}>{product.displayName}</a>
                      </td>
                      <td>{labelOf(product.category)}</td>
                      <td class="number">{formatMoney(product.price)}</td>
                      <td>{product.discontinued ? "No" : "Yes"}</td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </div>
        )}
      </Await>
    </ForMerchandisers>
  );
}

/** The form for a new product. */
export function NewProduct() {
  useTitle("New product");
  const form = useForm({
    schema: CreateProductRequestSchema,
    initial: () => ({ requestId: crypto.randomUUID(), productId: "", product: DRAFT }),
    describe,
    send: async (request) => {
      await catalog.createProduct(request);
      navigate(`/merchandising?saved=${request.productId}`);
    },
  });
  const { values } = form;
  return (
    <ForMerchandisers>
      <h1>New product</h1>
      <FormView form={form} label="New product" submit="Add the product">
        <Field
          form={form}
          field="product_id"
          label="Id"
          hint="1 to 64 lower-case letters, digits and hyphens. It never changes."
          value={values.productId}
          onValue={(id) => form.edit((request) => (request.productId = id))}
        />
        {values.product && (
          <ProductFields
            form={form}
            product={values.product}
            edit={(change) => form.edit(({ product }) => product && change(product))}
          />
        )}
      </FormView>
    </ForMerchandisers>
  );
}

/** The form for the product that the address names. */
export function EditProduct({ params }: PageProps) {
  const name = `products/${params.id}`;
  const call = useCall((signal) => catalog.getProduct({ name }, { signal }), [name]);
  useTitle(`Edit ${call.result?.product?.displayName ?? ""}`);
  return (
    <ForMerchandisers>
      <h1>Edit a product</h1>
      <Await call={call}>
        {({ product }) => product && <EditForm key={product.etag} product={product} reload={call.reload} />}
      </Await>
    </ForMerchandisers>
  );
}

function EditForm({ product, reload }: { product: Product; reload: () => void }) {
  const [conflict, setConflict] = useState(false);
  const form = useForm({
    schema: UpdateProductRequestSchema,
    initial: () => ({
      requestId: crypto.randomUUID(),
      product,
      updateMask: { paths: FIELDS },
    }),
    describe: (error) => {
      setConflict(error.code === Code.Aborted);
      return describe(error);
    },
    send: async (request) => {
      await catalog.updateProduct(request);
      navigate(`/merchandising?saved=${idOf(product)}`);
    },
  });
  const { values } = form;
  return (
    <>
      {conflict && (
        <p class="notice warn">
          Your changes are still in the form.{" "}
          <button class="link-button" type="button" onClick={reload}>
            Load the current version instead
          </button>
        </p>
      )}
      <FormView form={form} label={`Edit ${product.displayName}`} submit="Save">
        {values.product && (
          <ProductFields
            form={form}
            product={values.product}
            edit={(change) => form.edit((request) => request.product && change(request.product))}
          />
        )}
      </FormView>
    </>
  );
}

/** What a new product starts with. */
const DRAFT = { price: { currencyCode: "EUR" } };

type ProductFieldsProps = {
  form: ComponentProps<typeof Field>["form"];
  product: Product;
  edit: (change: (product: Product) => void) => void;
};

function ProductFields({ form, product, edit }: ProductFieldsProps) {
  const currency = product.price?.currencyCode ?? "EUR";
  const [amount, setAmount] = useState(() => amountOf(product));
  const price = (text: string, currencyCode: string) => {
    setAmount(text);
    edit((each) => (each.price = create(MoneySchema, priceOf(text, currencyCode) ?? { currencyCode })));
  };
  // The contract checks the parts of the price; the person sees one field.
  const wrong = ["product.price.units", "product.price.nanos", "product.price"]
    .map((field) => form.violations[field])
    .find(Boolean);
  const shown = wrong ? { ...form, violations: { ...form.violations, "product.price.units": wrong } } : form;
  return (
    <>
      <Field
        form={form}
        field="product.display_name"
        label="Name"
        value={product.displayName}
        onValue={(text) => edit((each) => (each.displayName = text))}
      />
      <Field
        form={form}
        field="product.description"
        label="Description"
        rows={3}
        value={product.description}
        onValue={(text) => edit((each) => (each.description = text))}
      />
      <Field
        form={form}
        field="product.category"
        label="Category"
        hint="Lower-case letters, digits and hyphens, for example coffee-beans"
        value={product.category}
        onValue={(text) => edit((each) => (each.category = text))}
      />
      <Field
        form={shown}
        field="product.price.units"
        label="Price"
        inputMode="decimal"
        value={amount}
        onValue={(text) => price(text, currency)}
      />
      <Field
        form={form}
        field="product.price.currency_code"
        label="Currency"
        options={CURRENCIES}
        value={currency}
        onValue={(code) => price(amount, code)}
      />
      <label class="row">
        <input
          type="checkbox"
          checked={!product.discontinued}
          onChange={(event) => {
            const forSale = event.currentTarget.checked;
            edit((each) => (each.discontinued = !forSale));
          }}
        />
        For sale
      </label>
    </>
  );
}

function amountOf({ price }: Product): string {
  const amount = price ? cents(price) : 0n;
  if (amount === 0n) {
    return "";
  }
  return `${amount / 100n}.${String(amount % 100n).padStart(2, "0")}`;
}

function describe(error: ConnectError): string | undefined {
  if (error.code === Code.AlreadyExists) {
    return "A product with this id exists already.";
  }
  if (error.code === Code.Aborted) {
    return "Somebody else has changed this product since you opened it.";
  }
  return explain(error);
}
