// The methods of an edge: their rules and recent calls.

import { duration } from "../format.ts";
import type { EdgeDetail, Limit, Method, Route } from "./api.ts";
import { flagMeaning, shortName, statusLevel, statusName } from "./figures.ts";

/** All methods, one below the other. */
export function Methods({ detail, methods }: { detail: EdgeDetail; methods: readonly Method[] }) {
  return (
    <>
      <h3>
        {methods.length} {methods.length === 1 ? "method" : "methods"} that the contract allows here
      </h3>
      <ul class="topology-methods">
        {methods.map((method) => (
          <li key={method.name}>
            <OneMethod method={method} detail={detail} />
          </li>
        ))}
      </ul>
    </>
  );
}

function OneMethod({ method, detail }: { method: Method; detail: EdgeDetail }) {
  const caller = detail.edge.source === "shop-gateway" ? "user" : detail.edge.source;
  const why = new URLSearchParams({ caller, method: method.name });
  const statuses = Object.entries(method.by_status);
  const common = commonLimits(detail).map(limitText);
  const own = method.limits.filter((each) => !common.includes(limitText(each)));
  return (
    <>
      <p class="row between">
        <a href={`/contracts/${method.name}`}>{shortName(method.name)}</a>
        <a class="small" href={`/why?${why}`} aria-label={`Why ${caller} may call ${shortName(method.name)}`}>
          Why?
        </a>
      </p>
      {(statuses.length > 0 || method.is_stream) && (
        <p class="row topology-facts">
          {statuses.map(([status, count]) => (
            <span key={status} class={`badge ${statusLevel(status)}`}>
              {statusName(status)} {count}
            </span>
          ))}
          {method.p50_milliseconds !== null && (
            <span class="soft small">
              p50 {duration(method.p50_milliseconds)}, p99 {duration(method.p99_milliseconds)}
            </span>
          )}
          {method.is_stream && <span class="soft small">a stream: no duration</span>}
        </p>
      )}
      {Object.entries(method.by_flag).map(([flag, count]) => (
        <p key={flag} class="small topology-flag">
          {count} × {flagMeaning(flag)} <span class="soft">({flag})</span>
        </p>
      ))}
      {method.routes.map((route) => (
        <OneRoute key={`${route.condition}${route.source}`} route={route} />
      ))}
      {own.length > 0 && <p class="small soft">At most {own.map(limitText).join("; ")}</p>}
    </>
  );
}

function OneRoute({ route }: { route: Route }) {
  const shares = Object.entries(route.destinations);
  return (
    <>
      <p class="small soft">
        {route.condition && <b>With {route.condition}: </b>}
        {route.timeout ? `timeout ${route.timeout}` : "no timeout"},{" "}
        {route.attempts > 1 ? `up to ${route.attempts} attempts` : "1 attempt"}
        {shares.length > 1 && `; ${shares.map(([name, weight]) => `${weight} to ${name}`).join(", ")}`}
        {route.mirror && `; copies to ${route.mirror}`}
      </p>
      {route.fault && <p class="small topology-flag">Injected fault: {route.fault}</p>}
    </>
  );
}

/** For example "30 calls in 60s for each address". */
export function limitText({ calls, interval, per }: Limit): string {
  return `${calls} calls in ${interval}${per.length > 0 ? ` for each ${per.join(" and ")}` : ""}`;
}

/** The limits that count the calls of every method. */
export function commonLimits({ methods }: EdgeDetail): readonly Limit[] {
  const [first, ...others] = methods;
  const texts = others.map(({ limits }) => limits.map(limitText));
  return first?.limits.filter((each) => texts.every((known) => known.includes(limitText(each)))) ?? [];
}
