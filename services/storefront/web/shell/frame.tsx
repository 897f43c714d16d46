// What surrounds every page: the header with its slots, the page of a part, and the footer.
import { Mounting, NotFound, Slot, useAddress, usePageFocus, useSession } from "@shop/kit";
import type { Parts } from "./parts.ts";

/** The frame, with the page that the address leads to. */
export function Frame({ parts }: { parts: Parts }) {
  const address = new URL(useAddress(), location.origin);
  const main = usePageFocus(address.pathname);

  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
            <path class="brand-cup" d="M5 12h18v7a8 8 0 0 1-8 8h-2a8 8 0 0 1-8-8z" />
            <path class="brand-line" d="M23 14h2a3 3 0 0 1 0 8h-2.4M10 8c0-2 2-2 2-4M16 8c0-2 2-2 2-4" />
          </svg>
          Morning Lane
        </a>
        <Navigation parts={parts} path={address.pathname} />
        <div class="top-slots">
          <Slot name="header" props={{}} />
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {parts.missing.length > 0 && (
          <p class="notice bad" role="status">
            Not available at the moment: {parts.missing.join(", ")}.
          </p>
        )}
        <Page parts={parts} address={address} />
      </main>
      <footer class="bottom">
        <p>
          A shop of ten services behind Istio. Every call of this page goes through the mesh, by gRPC-Web.{" "}
          <a href="/openapi.json" data-outside>
            The same API as OpenAPI
          </a>
        </p>
      </footer>
    </>
  );
}

function Navigation({ parts, path }: { parts: Parts; path: string }) {
  const session = useSession();
  const entries = parts.manifests
    .flatMap((manifest) => manifest.navigation)
    .filter(({ role }) => !role || (role === "customer" ? session : session?.roles.includes(role)));
  return (
    <nav aria-label="Shop">
      {entries.map(({ label, path: target }) => (
        <a key={target} href={target} aria-current={target === path ? "page" : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

function Page({ parts, address }: { parts: Parts; address: URL }) {
  const match = parts.page(address.pathname);
  if (!match) {
    return (
      <NotFound>
        <a href="/">To the shop</a>
      </NotFound>
    );
  }
  const { part, load, params } = match;
  // The key is the path: another product is another page, while a change of the query updates the same one.
  return <Mounting key={address.pathname} part={part} load={load} props={{ params, query: address.searchParams }} />;
}
