// The question: who calls what.
import { navigate } from "@shop/kit";
import { useState } from "preact/hooks";
import { useApi } from "../api.ts";
import type { Names } from "./decision.ts";

/** The form. It is filled in from the address, and leads to the address of the answer. */
export function Question({ query }: { query: URLSearchParams }) {
  const names = useApi<Names>("/api/why/names").result;
  const [caller, setCaller] = useState(query.get("caller") ?? "");
  const [method, setMethod] = useState(query.get("method") ?? "");
  const [headers, setHeaders] = useState(query.getAll("header").join("\n"));
  const [address, setAddress] = useState(query.get("address") ?? "");

  function ask(event: Event): void {
    event.preventDefault();
    const asked = new URLSearchParams({ caller: caller.trim(), method: method.trim() });
    for (const header of headers.split("\n").filter((line) => line.trim())) {
      asked.append("header", header.trim());
    }
    if (address.trim()) {
      asked.set("address", address.trim());
    }
    navigate(`/why?${asked}`);
  }

  return (
    <form class="card why-form" aria-label="Question" onSubmit={ask}>
      <Text id="caller" label="Caller" value={caller} onValue={setCaller} options={names?.callers} required>
        anonymous, user, a role, a service, stranger, pod/…, or a ServiceAccount
      </Text>
      <Text id="method" label="Method" value={method} onValue={setMethod} options={names?.methods} required>
        package.Service/Method, or as much of its end as is unambiguous
      </Text>
      <details class="why-more" open={Boolean(headers || address)}>
        <summary>Headers and address</summary>
        <div class="why-form">
          <div class="field">
            <label for="why-headers">Headers</label>
            <textarea
              id="why-headers"
              rows={2}
              value={headers}
              aria-describedby="why-headers-hint"
              onInput={(event) => setHeaders(event.currentTarget.value)}
            />
            <p class="field-hint" id="why-headers-hint">
              NAME:VALUE, one on each line
            </p>
          </div>
          <Text id="address" label="IP address of the caller" value={address} onValue={setAddress}>
            if a policy depends on it
          </Text>
        </div>
      </details>
      <button type="submit" class="button">
        Why?
      </button>
    </form>
  );
}

type TextProps = {
  id: string;
  label: string;
  value: string;
  onValue: (value: string) => void;
  options?: string[] | undefined;
  required?: boolean;
  children: string;
};

function Text({ id, label, value, onValue, options, required = false, children }: TextProps) {
  return (
    <div class="field">
      <label for={`why-${id}`}>{label}</label>
      <input
        id={`why-${id}`}
        name={id}
        value={value}
        required={required}
        autocomplete="off"
        spellcheck={false}
        list={options && `why-${id}-options`}
        aria-describedby={`why-${id}-hint`}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      {options && (
        <datalist id={`why-${id}-options`}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      <p class="field-hint" id={`why-${id}-hint`}>
        {children}
      </p>
    </div>
  );
}
