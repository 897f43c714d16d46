// Calls of the console's own API. The token is in the browser's storage, and goes along as a header.
import { Code, ConnectError } from "@connectrpc/connect";
import { type Call, Stored, useCall } from "@shop/kit";
import { useEffect } from "preact/hooks";

/** The token, if this browser is logged in. */
export const token = new Stored<string | null>("console.token", null);

/** Read something. Throws a ConnectError that says what to do. */
export function get<Result>(path: string, signal?: AbortSignal): Promise<Result> {
  return call(path, signal ? { signal } : {});
}

/** Do something. Throws a ConnectError that says what to do. */
export function post<Result>(path: string, body: unknown): Promise<Result> {
  return call(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
}

/** Read something in a component; again when the path changes, and every so many milliseconds while it is visible. */
export function useApi<Result>(path: string, { every }: { every?: number | undefined } = {}): Call<Result> {
  const call = useCall((signal) => get<Result>(path, signal), [path]);
  const { pending, reload } = call;
  useEffect(() => {
    if (!every || pending) {
      return;
    }
    const timer = setInterval(() => {
      if (!document.hidden) {
        reload();
      }
    }, every);
    return () => clearInterval(timer);
  }, [every, pending, reload]);
  return call;
}

async function call<Result>(path: string, options: RequestInit): Promise<Result> {
  const headers = new Headers(options.headers);
  const sent = token.get();
  if (sent) {
    headers.set("authorization", `Bearer ${sent}`);
  }
  let response: Response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) {
      throw error;
    }
    throw failure("The console has stopped. Start it with `mesh console`.");
  }
  if (response.ok) {
    return response.json();
  }
  if (response.status === 401 && sent && token.get() === sent) {
    token.set(null);
  }
  throw failure(await explain(response));
}

/** What a response without success says: what is wrong, why, and what to do. */
async function explain(response: Response): Promise<string> {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("application/json")) {
    const { what, why, fix } = JSON.parse(text);
    return [what, why, fix].filter(Boolean).map(sentence).join(" ");
  }
  return sentence(response.status >= 500 ? "the console failed; its terminal shows why" : text);
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?:]$/.test(start) ? start : `${start}.`;
}

function failure(text: string): ConnectError {
  return new ConnectError(text, Code.FailedPrecondition);
}
