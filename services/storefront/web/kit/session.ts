// Who is logged in. The access token is in the browser's storage, so that a reload and a second tab keep it.
import { Stored, useSyncExternalStore } from "./store.ts";

/** A token is not sent in its last seconds: the gateway would refuse a call that takes a little longer. */
const MARGIN_MS = 10_000;

/** A logged-in user. */
export type Session = {
  token: string;
  email: string;
  /** The resource name, "users/{id}". */
  user: string;
  roles: readonly string[];
  /** When the token expires, in milliseconds since 1970. */
  expires: number;
};

const stored = new Stored<Session | null>("shop.session", null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Return the session; undefined if nobody is logged in or the token has expired. */
export function session(): Session | undefined {
  const current = stored.get();
  return current && current.expires - MARGIN_MS > Date.now() ? current : undefined;
}

/** Start the session of a user who has just received a token. */
export function startSession(email: string, token: string): void {
  const claims = JSON.parse(new TextDecoder().decode(decode(token.split(".")[1] ?? "")));
  stored.set({ token, email, user: claims.sub, roles: claims.roles ?? [], expires: claims.exp * 1000 });
}

/** End the session. */
export function endSession(): void {
  stored.set(null);
}

/** Use the session in a component, which is rendered again when it changes. */
export function useSession(): Session | undefined {
  return useSyncExternalStore(stored.subscribe, session);
}

/** Notify again when the token expires. */
function watch(): void {
  clearTimeout(timer);
  const valid = session();
  if (valid) {
    timer = setTimeout(stored.notify, valid.expires - MARGIN_MS - Date.now());
  }
}

function decode(base64url: string): Uint8Array {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

stored.subscribe(watch);
watch();
// Timers stand still while a computer sleeps.
document.addEventListener("visibilitychange", stored.notify);
