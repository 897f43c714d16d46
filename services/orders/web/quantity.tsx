// A number of pieces, with buttons for one more and one less.
import { useEffect, useState } from "preact/hooks";
import { MAX_QUANTITY } from "./cart.ts";

/** The input of a quantity. It reports each valid number; leaving it with something else shows the last valid one again. */
export function Quantity({
  label,
  value,
  onValue,
}: { label: string; value: number; onValue: (quantity: number) => void }) {
  const [typed, setTyped] = useState(String(value));
  useEffect(() => setTyped(String(value)), [value]);
  const change = (text: string) => {
    setTyped(text);
    const quantity = quantityOf(text);
    if (quantity !== undefined) {
      onValue(quantity);
    }
  };
  // Not `disabled`: the focus would be lost at the ends.
  const step = (by: number) => quantityOf(String(value + by)) && onValue(value + by);
  return (
    <div class="quantity" role="group" aria-label={label}>
      <button type="button" aria-label="One less" aria-disabled={value <= 1} onClick={() => step(-1)}>
        −
      </button>
      <input
        class="input"
        inputMode="numeric"
        aria-label={label}
        aria-invalid={quantityOf(typed) === undefined}
        autocomplete="off"
        maxLength={4}
        required
        pattern="[1-9][0-9]{0,2}|1000"
        title={`A number from 1 to ${MAX_QUANTITY}`}
        value={typed}
        onInput={(event) => change(event.currentTarget.value)}
        onBlur={() => setTyped(String(value))}
      />
      <button type="button" aria-label="One more" aria-disabled={value >= MAX_QUANTITY} onClick={() => step(1)}>
        +
      </button>
    </div>
  );
}

function quantityOf(text: string): number | undefined {
  const quantity = /^\d+$/.test(text.trim()) ? Number(text) : 0;
  return quantity >= 1 && quantity <= MAX_QUANTITY ? quantity : undefined;
}
