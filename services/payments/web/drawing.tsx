// The drawings of the demo cards. They resemble no bank's design.
import type { JSX } from "preact";

const MARKS: Record<string, JSX.Element> = {
  wave: <path class="card-line" d="M4 30c10-8 16 6 26-2s14-4 14-4" />,
  dots: <path class="card-line card-dots" d="M27 26h.01M34 26h.01M41 26h.01" />,
  frame: <rect class="card-line" x="27" y="21" width="15" height="8" rx="4" />,
  limit: <path class="card-line" d="M27 20h14M34 20v9m-4-4 4 4 4-4" />,
  declined: <path class="card-line" d="m33 20 8 8m0-8-8 8" />,
  expired: <path class="card-line" d="M37 19a6 6 0 1 0 .1 0M37 22v3l2.5 1.5" />,
  empty: <path class="card-line" d="M28 26h14" />,
};

/** The drawing of a card. It is decoration: the name stands beside it. */
export function Drawing({ look }: { look: string }) {
  return (
    <svg class={`payment-card look-${look}`} viewBox="0 0 48 36" width="48" height="36" aria-hidden="true">
      <rect class="card-ground" x="1" y="2" width="46" height="32" rx="5" />
      <rect class="card-chip" x="6" y="9" width="9" height="7" rx="1.5" />
      {MARKS[look]}
    </svg>
  );
}
