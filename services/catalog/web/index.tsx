// The catalog's part of the storefront: the products, and the editor for merchandisers.
import { mount, type Part } from "@shop/kit";
import { Browse } from "./browse.tsx";
import { EditProduct, Merchandising, NewProduct } from "./merchandising.tsx";
import { ProductPage } from "./product.tsx";
import "./catalog.css";

const part: Part = {
  pages: {
    "/": mount(Browse),
    "/products/:id": mount(ProductPage),
    "/merchandising": mount(Merchandising),
    "/merchandising/new": mount(NewProduct),
    "/merchandising/:id": mount(EditProduct),
  },
  slots: {},
};

export default part;
