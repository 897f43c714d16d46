// A lock: closed for mutual TLS, open for everything else.

/** A lock of 10 × 12 units at a place in a drawing. */
export function Lock({ x, y, closed }: { x: number; y: number; closed: boolean }) {
  return (
    <g class={`lock ${closed ? "closed" : "open"}`} transform={`translate(${x} ${y})`}>
      <path class="lock-bow" d={closed ? "M2,6V4a3,3 0 0 1 6,0V6" : "M2,6V3a3,3 0 0 1 5.6,-1.4"} />
      <rect y="5.5" width="10" height="6.5" rx="1.5" />
    </g>
  );
}
