// The start of the console's page.
import { followLinks, Guard } from "@shop/kit";
import { render } from "preact";
import { Frame } from "./frame.tsx";
import "./style.css";

followLinks();
render(
  <Guard>
    <Frame />
  </Guard>,
  document.querySelector("#console") ?? document.body,
);
