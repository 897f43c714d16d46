// The user in the header of every page.
import { endSession, useAddress, useSession } from "@shop/kit";
import { useEffect, useRef } from "preact/hooks";
import { keepNext } from "./credentials.ts";

const FORMS = ["/login", "/signup"];

/** A link that leads to the login, or the user with a button that logs out. */
export function Header() {
  const session = useSession();
  const address = new URL(useAddress(), location.origin);
  const link = useRef<HTMLAnchorElement>(null);
  const leaving = useRef(false);

  // The button that had the focus is gone.
  useEffect(() => {
    if (!session && leaving.current) {
      leaving.current = false;
      link.current?.focus();
    }
  }, [session]);

  if (!session) {
    const query = FORMS.includes(address.pathname)
      ? keepNext(address.searchParams)
      : `?${new URLSearchParams({ next: address.pathname + address.search })}`;
    return (
      <a ref={link} href={`/login${query}`}>
        Log in
      </a>
    );
  }
  const logOut = () => {
    leaving.current = true;
    endSession();
  };
  return (
    <div class="identity-user">
      <a href="/account" aria-label={`Your account: ${session.email}`} title={session.email}>
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
          <path d="M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM3.5 21a8.5 8.5 0 0 1 17 0" />
        </svg>
        <span class="identity-name">{session.email}</span>
      </a>
      <button type="button" class="link-button" aria-label="Log out" title="Log out" onClick={logOut}>
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
          <path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9.5" />
        </svg>
        <span class="identity-name">Log out</span>
      </button>
    </div>
  );
}
