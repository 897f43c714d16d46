// Pages that need a login.
import { Empty, useAddress, useSession } from "@shop/kit";
import type { ComponentChildren } from "preact";

/** Shows its children to a logged-in customer, and a link to the login to everyone else. */
export function ForCustomers({ title, children }: { title: string; children: ComponentChildren }) {
  return useSession() ? children : <LogIn title={title} />;
}

function LogIn({ title }: { title: string }) {
  const next = encodeURIComponent(useAddress());
  return (
    <Empty title={title}>
      <p>
        <a class="button" href={`/login?next=${next}`}>
          Log in
        </a>
      </p>
      <p>
        New here? <a href={`/signup?next=${next}`}>Create an account</a>
      </p>
    </Empty>
  );
}
