// Links between pages, without loading the page again.
import { navigate } from "./navigation.ts";

/** Follow links to the same site by navigation. Downloads, new tabs and the API stay with the browser. */
export function followLinks(): void {
  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) {
      return;
    }
    if (link.origin === location.origin && !link.hash && !link.hasAttribute("data-outside")) {
      event.preventDefault();
      navigate(link.pathname + link.search);
    }
  });
}
