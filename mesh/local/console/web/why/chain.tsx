// The way of a call, from proxy to proxy.
import type { Decision, Verdict } from "./decision.ts";

/** Draws the caller, the proxies that the call passes, and the method. The proxy that decides is marked. */
export function ProxyChain({ decision }: { decision: Decision }) {
  const names = [...new Set(decision.proxies.map((verdict) => verdict.proxy))];
  const decidedBy = decision.allowed ? undefined : decision.decided_by.proxy;
  const end = decidedBy === undefined ? names.length : names.indexOf(decidedBy);
  return (
    <ol class="chain" aria-label="The way of the call">
      <li class="chain-node good">
        <strong>{decision.caller}</strong>
        <span class="small soft">calls</span>
      </li>
      {names.map((place, index) => (
        <Place
          key={place}
          verdicts={decision.proxies.filter((verdict) => verdict.proxy === place)}
          reasons={decision.reasons}
          decides={decision.allowed ? index === names.length - 1 : index === end}
          isReached={index <= end}
        />
      ))}
      <li class={`chain-node ${decision.allowed ? "good" : "unreached"}`}>
        <strong>{decision.method.split("/")[1]}</strong>
        <span class="small soft">{decision.allowed ? "is called" : "is not reached"}</span>
      </li>
    </ol>
  );
}

type PlaceProps = {
  verdicts: Verdict[];
  reasons: Record<string, string>;
  decides: boolean;
  isReached: boolean;
};

function Place({ verdicts, reasons, decides, isReached }: PlaceProps) {
  const denies = verdicts.find((verdict) => !verdict.allowed);
  const shown = denies ?? verdicts.at(-1);
  if (!shown) {
    return null;
  }
  const state = !isReached ? "unreached" : denies ? "bad" : "good";
  return (
    <li class={`chain-node ${state} ${decides ? "decides" : ""}`}>
      <span class="row">
        <strong>{shown.proxy}</strong>
        {decides && <span class={`badge ${denies ? "bad" : "good"}`}>decides</span>}
      </span>
      <span class="small">
        {isReached
          ? denies
            ? "refuses the call: "
            : "lets it pass: "
          : denies
            ? "would also refuse it: "
            : "would let it pass: "}
        {reasons[shown.reason]}
      </span>
      <span class="small soft">{shown.pod || "it has no Pod now: this is what a new one would have"}</span>
    </li>
  );
}
