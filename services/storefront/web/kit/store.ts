// State outside of components.
import { useEffect, useState } from "preact/hooks";

/** Use a value that changes outside of components. `get` must return the same object until it changes. */
export function useSyncExternalStore<Value>(subscribe: (listener: () => void) => () => void, get: () => Value): Value {
  const [value, setValue] = useState(get);
  useEffect(() => {
    const update = () => setValue(get());
    update();
    return subscribe(update);
  }, [subscribe, get]);
  return value;
}

/** A value in the browser's storage, which a reload keeps and all tabs share. Null is not stored. */
export class Stored<Value> {
  readonly #key: string;
  readonly #fallback: Value;
  readonly #listeners = new Set<() => void>();
  #value: Value;

  constructor(key: string, fallback: Value) {
    this.#key = key;
    this.#fallback = fallback;
    this.#value = this.#read();
    addEventListener("storage", (event) => {
      if (event.key === key) {
        this.#value = this.#read();
        this.notify();
      }
    });
  }

  get = (): Value => this.#value;

  set = (value: Value): void => {
    this.#value = value;
    if (value === null) {
      localStorage.removeItem(this.#key);
    } else {
      localStorage.setItem(this.#key, JSON.stringify(value));
    }
    this.notify();
  };

  /** Call the listeners, also if what they make of the value depends on the time. */
  notify = (): void => {
    for (const listener of this.#listeners) {
      listener();
    }
  };

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #read(): Value {
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "null") ?? this.#fallback;
    } catch {
      return this.#fallback;
    }
  }
}

/** Use a stored value in a component, which is rendered again when it changes. */
export function useStored<Value>(stored: Stored<Value>): Value {
  return useSyncExternalStore(stored.subscribe, stored.get);
}
