// How much of an error budget is used.
import { formatNumber } from "@shop/kit";

/** A bar with the used share of a budget. `used` is null without calls. */
export function Budget({ label, used }: { label: string; used: number | null }) {
  if (used === null) {
    return <span class="soft">–</span>;
  }
  const percent = Math.round(used * 100);
  return (
    <span class="budget">
      <meter aria-label={label} min={0} max={1} low={0.5} high={0.999} optimum={0} value={Math.min(used, 1)} />
      <span class={percent >= 100 ? "badge bad" : "small"}>{formatNumber(percent)} %</span>
    </span>
  );
}
