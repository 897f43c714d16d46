// Logging in: a link of `mesh console` has a code, which is exchanged for the token once.
import { ConnectError } from "@connectrpc/connect";
import { explain, Failure, navigate, useTitle } from "@shop/kit";
import { useEffect, useState } from "preact/hooks";
import { post, token } from "./api.ts";
import { Command } from "./command.tsx";

/** The page of a browser that is not logged in. With a code in its address, it logs in. */
export function Login({ code }: { code: string | null }) {
  useTitle("Log in");
  const [error, setError] = useState<ConnectError>();
  useEffect(() => {
    if (!code) {
      return;
    }
    post<{ token: string }>("/api/login", { code }).then(
      (result) => {
        navigate("/", { replace: true });
        token.set(result.token);
      },
      (reason: unknown) => setError(ConnectError.from(reason)),
    );
  }, [code]);
  if (code && !error) {
    return <p role="status">Logging in …</p>;
  }
  return (
    <>
      <h1>Log in</h1>
      {error && <Failure title={explain(error)} />}
      <p>This command prints a link that logs this browser in. It also works while the console runs.</p>
      <Command text=".venv/bin/mesh console" />
    </>
  );
}
