// What the page shows is in its address: ?edge=orders~payments&at=1795897055&jobs=1
import { navigate } from "@shop/kit";

/** Return the address of the topology with some of its parameters changed. An empty one is removed. */
export function addressWith(query: URLSearchParams, changes: Record<string, string>): string {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) {
      changed.set(name, value);
    } else {
      changed.delete(name);
    }
  }
  // The sign between the ends of an edge is readable as it is.
  const text = changed.toString().replaceAll("%7E", "~");
  return text ? `/?${text}` : "/";
}

export function toEdge(query: URLSearchParams, edge: string): string {
  return addressWith(query, { edge, node: "" });
}

export function toNode(query: URLSearchParams, node: string): string {
  return addressWith(query, { node, edge: "" });
}

/** Follow a link inside of a drawing, unless it should open in a new tab. */
export function follow(event: MouseEvent, to: string): void {
  if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    navigate(to);
  }
}
