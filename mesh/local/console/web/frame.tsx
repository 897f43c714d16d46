// What surrounds every page: the name of the mesh, the navigation, and links to its other pages.
import { Guard, matchPath, NotFound, useAddress, usePageFocus, useStored } from "@shop/kit";
import { token, useApi } from "./api.ts";
import { Login } from "./login.tsx";
import { pages } from "./pages.ts";

type Mesh = { instance: string; shop: string; pages: { name: string; url: string }[] };

/** The frame, with the page that the address leads to. */
export function Frame() {
  const address = new URL(useAddress(), location.origin);
  const loggedIn = useStored(token) !== null;
  const main = usePageFocus(address.pathname);

  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href="/">
          <img src="/assets/favicon.svg" width="28" height="28" alt="" />
          Mesh console
        </a>
        {loggedIn && <Navigation path={address.pathname} />}
        {loggedIn && <Elsewhere />}
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {loggedIn ? <CurrentPage address={address} /> : <Login code={address.searchParams.get("code")} />}
      </main>
    </>
  );
}

function Navigation({ path }: { path: string }) {
  const section = (target: string) => target.split("/")[1];
  return (
    <nav aria-label="Console">
      {pages.map(
        ({ label, path: target }) =>
          label && (
            <a key={target} href={target} aria-current={section(target) === section(path) ? "page" : undefined}>
              {label}
            </a>
          ),
      )}
    </nav>
  );
}

/** The mesh, its shop, and the pages of its signals. */
function Elsewhere() {
  const mesh = useApi<Mesh>("/api/mesh").result;
  return (
    <div class="elsewhere">
      {mesh && (
        <>
          <span class="badge">{mesh.instance}</span>
          <a href={mesh.shop} data-outside>
            Shop
          </a>
          {mesh.pages.map(({ name, url }) => (
            <a key={name} href={url} data-outside>
              {name.charAt(0).toUpperCase() + name.slice(1)}
            </a>
          ))}
        </>
      )}
      <button type="button" class="link-button" onClick={() => token.set(null)}>
        Log out
      </button>
    </div>
  );
}

function CurrentPage({ address }: { address: URL }) {
  for (const { path, page: Page } of pages) {
    const params = matchPath(path, address.pathname);
    if (params) {
      return (
        <Guard key={address.pathname}>
          <Page params={params} query={address.searchParams} />
        </Guard>
      );
    }
  }
  return (
    <NotFound>
      <a href="/">To the topology</a>
    </NotFound>
  );
}
