// The address of the page. Every state worth sharing is in it.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSyncExternalStore } from "./store.ts";

/** The name of the site: the title of its first document. */
const SITE = document.title;
const listeners = new Set<() => void>();
let address = location.pathname + location.search;

/** Go to a page of this site, for example "/products/p-0001". */
export function navigate(to: string, { replace = false } = {}): void {
  const url = new URL(to, location.href);
  const samePage = url.pathname === location.pathname;
  if (replace) {
    history.replaceState(null, "", url);
  } else {
    history.pushState(null, "", url);
  }
  changed();
  if (!samePage) {
    scrollTo(0, 0);
  }
}

/** Use the address, path and query, in a component, which is rendered again when it changes. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, current);
}

/** Use a reference to the element of the page. It gets the focus on a new path, so that a screen reader continues there. */
export function usePageFocus(path: string): RefObject<HTMLElement | null> {
  const page = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
    } else {
      page.current?.focus({ preventScroll: true });
    }
  }, [path]);
  return page;
}

/** Set the title of the browser's window. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${SITE}` : SITE;
  }, [title]);
}

/** Return the variables of a path such as "/orders/:id"; undefined if a path does not match it. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const expected = pattern.split("/");
  const actual = path.split("/");
  const params: Record<string, string> = {};
  for (const [index, part] of expected.entries()) {
    const value = actual[index];
    if (part.startsWith(":") && value) {
      params[part.slice(1)] = decodeURIComponent(value);
    } else if (part !== value) {
      return undefined;
    }
  }
  return actual.length === expected.length ? params : undefined;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function current(): string {
  return address;
}

function changed(): void {
  address = location.pathname + location.search;
  for (const listener of listeners) {
    listener();
  }
}

addEventListener("popstate", changed);
