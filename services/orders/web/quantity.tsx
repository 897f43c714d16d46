// A number of pieces, with buttons for one more and one less.
import { useEffect, useId, useState } from "preact/hooks";
import { MAX_QUANTITY } from "./cart.ts";

/** The input of a quantity. It reports each valid number, and says what is expected in place of something else. */
export function Quantity({
  label,
  value,
  onValue,
}: {
  label: string;
  value: number;
  onValue: (quantity: number) => void;
}) {
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const hint = useId();
  const invalid = quantityOf(typed) === undefined;
  const change = (text: string) => {
    setTyped(text);
    const quantity = quantityOf(text);
    if (quantity !== undefined) {
      onValue(quantity);
    }
  };
  // Not `disabled`: the focus would be lost at the ends.
  const step = (by: number) => quantityOf(String(value + by)) && change(String(value + by));
  return (
    <div class="quantity" role="group" aria-label={label}>
      <div class="quantity-row">
        <button type="button" aria-label="One less" aria-disabled={value <= 1} onClick={() => step(-1)}>
          −
        </button>
        <input
          class="input"
          inputMode="numeric"
          aria-label={label}
          aria-invalid={invalid}
          aria-describedby={invalid ? hint : undefined}
          autocomplete="off"
          maxLength={4}
          required
          pattern="[1-9][0-9]{0,2}|1000"
          value={typed}
          onInvalid={(event) => {
            // The text below says more than the browser's own.
            event.preventDefault();
            event.currentTarget.focus();
          }}
          onInput={(event) => change(event.currentTarget.value)}
        />
        <button type="button" aria-label="One more" aria-disabled={value >= MAX_QUANTITY} onClick={() => step(1)}>
          +
        </button>
      </div>
      {invalid && (
        <p class="field-error" id={hint} role="alert">
          1 to {MAX_QUANTITY} pieces
        </p>
      )}
    </div>
  );
}

function quantityOf(text: string): number | undefined {
  const quantity = /^\d+$/.test(text) ? Number(text) : 0;
  return quantity >= 1 && quantity <= MAX_QUANTITY ? quantity : undefined;
}
