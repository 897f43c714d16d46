// What the pages of identity share: its calls, its errors in plain words, and where to go after a login.
import type { ConnectError } from "@connectrpc/connect";
import { IdentityService } from "@shop/gen/shop/identity/v1/identity_pb.ts";
import { client, explain, metadata, reason, startSession } from "@shop/kit";

/** Calls of identity. */
export const identity = client(IdentityService);

/** Log in: get a token and start the session. */
export async function logIn(email: string, password: string): Promise<void> {
  const { accessToken } = await identity.issueToken({ email, password });
  startSession(email, accessToken);
}

/** Say why an e-mail address and a password were not accepted. */
export function describe(error: ConnectError): string {
  switch (reason(error)) {
    case "INVALID_CREDENTIALS":
      return "The e-mail address or the password is wrong.";
    case "TOO_MANY_ATTEMPTS":
      return `Too many wrong passwords. You can try again after ${timeOf(metadata(error).unlock_time)}.`;
    case "USER_DISABLED":
      return "This account has been closed. It can no longer be used.";
    default:
      return explain(error);
  }
}

/** Return where to go after a login: the `next` of the query if it is a path of this shop. */
export function nextOf(query: URLSearchParams): string {
  const next = query.get("next") ?? "/";
  // The browser's own reading decides: it takes "//host", "/\host" and "/<tab>/host" as other hosts.
  const url = URL.parse(next, location.origin);
  const own = next.startsWith("/") && url?.origin === location.origin && !url.pathname.startsWith("//");
  return own ? url.href : "/";
}

/** Return the query that keeps `next`, with "?"; empty if there is none. */
export function keepNext(query: URLSearchParams): string {
  const next = query.get("next");
  return next ? `?${new URLSearchParams({ next })}` : "";
}

/** A lock lasts a minute, so its end has seconds. */
function timeOf(time: string | undefined): string {
  const date = new Date(time ?? Number.NaN);
  if (Number.isNaN(date.getTime())) {
    return "a minute";
  }
  return new Intl.DateTimeFormat(navigator.languages as string[], { timeStyle: "medium" }).format(date);
}
