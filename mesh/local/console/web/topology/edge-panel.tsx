// The details of an edge: the methods that the contract allows there, their rules, and what the proxies do.
import { Await } from "@shop/kit";
import { useApi } from "../api.ts";
import { Command } from "../command.tsx";
import type { EdgeDetail, Limit, Link, Method, Pool, Route } from "./api.ts";
import {
  duration,
  edgeLevel,
  flagMeaning,
  rate,
  share,
  shortName,
  statusLevel,
  statusName,
  TRANSPORTS,
  title,
} from "./figures.ts";
import { REFRESH_MS } from "./page.tsx";

/** The panel of an edge, now or at an earlier time. */
export function EdgePanel({ edge, at }: { edge: string; at: string }) {
  const path = `/api/topology/edges/${encodeURIComponent(edge)}${at && `?at=${at}`}`;
  const call = useApi<EdgeDetail>(path, { every: at ? undefined : REFRESH_MS });
  return <Await call={call}>{(detail) => <Details detail={detail} />}</Await>;
}

function Details({ detail }: { detail: EdgeDetail }) {
  const { edge, methods } = detail;
  const level = edgeLevel(edge);
  return (
    <>
      <h2>
        {title(edge.source)} → {title(edge.target)}
      </h2>
      <p class="row topology-facts">
        {edge.count !== null && <span class="badge">{rate(edge.per_second)}</span>}
        {edge.kind === "calls" && (
          <>
            {edge.count ? (
              <span class={`badge ${level === "idle" ? "" : level}`}>{share(edge.failed, edge.count)} fail</span>
            ) : null}
            {edge.p99_milliseconds !== null && <span class="badge">p99 {duration(edge.p99_milliseconds)}</span>}
          </>
        )}
        {edge.lag !== null && <span class="badge">lag {edge.lag}</span>}
        {edge.transport && (
          <span class={`badge ${edge.transport === "mutual" ? "good" : "bad"}`}>{TRANSPORTS[edge.transport]}</span>
        )}
      </p>
      {edge.kind === "calls" && <Methods detail={detail} methods={methods} />}
      {edge.kind === "pages" && (
        <p class="soft">
          The gateway passes these requests on. Nothing counts them by method, so there are no figures.
        </p>
      )}
      {(edge.kind === "publishes" || edge.kind === "consumes") && (
        <>
          <h3>Events</h3>
          <ul>
            {edge.names.map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </>
      )}
      {detail.live && detail.pools.length > 0 && <Rules detail={detail} />}
      <Proxies detail={detail} />
      <Links links={detail.links} />
    </>
  );
}

function Methods({ detail, methods }: { detail: EdgeDetail; methods: readonly Method[] }) {
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

function limitText({ calls, interval, per }: Limit): string {
  return `${calls} calls in ${interval}${per.length > 0 ? ` for each ${per.join(" and ")}` : ""}`;
}

/** The limits that count the calls of every method. */
function commonLimits({ methods }: EdgeDetail): readonly Limit[] {
  const [first, ...others] = methods;
  const texts = others.map(({ limits }) => limits.map(limitText));
  return first?.limits.filter((each) => texts.every((known) => known.includes(limitText(each)))) ?? [];
}

function Rules({ detail }: { detail: EdgeDetail }) {
  const sources = [
    ...new Set(
      [...detail.methods.flatMap(({ routes }) => routes), ...detail.pools].map(({ source }) => source).filter(Boolean),
    ),
  ];
  const retried = [...new Set(detail.methods.flatMap(({ routes }) => routes.map(({ retry_on }) => retry_on)))].filter(
    Boolean,
  );
  const common = commonLimits(detail);
  return (
    <>
      <h3>Limits</h3>
      <dl class="topology-list-of-facts">
        {common.length > 0 && (
          <>
            <dt>All calls from outside</dt>
            <dd>at most {common.map(limitText).join("; ")}</dd>
          </>
        )}
        {retried.length > 0 && (
          <>
            <dt>Tried again after</dt>
            <dd>{retried.map((each) => each.replaceAll(",", ", ")).join("; ")}</dd>
          </>
        )}
        {detail.pools.map((pool) => (
          <PoolFacts key={pool.subset} pool={pool} />
        ))}
        {detail.callee && (
          <>
            <dt>Each Pod of {title(detail.edge.target)} accepts</dt>
            <dd>
              {limit(detail.callee.max_requests)} calls in flight
              {detail.callee.accepts_plaintext ? <b class="topology-flag">; also in plaintext</b> : "; mutual TLS only"}
            </dd>
          </>
        )}
      </dl>
      <details>
        <summary class="small">Where these rules come from</summary>
        {sources.map((source) => (
          <Command key={source} text={commandOf(source)} />
        ))}
      </details>
    </>
  );
}

function PoolFacts({ pool }: { pool: Pool }) {
  const of = pool.subset ? ` (subset ${pool.subset})` : "";
  return (
    <>
      <dt>Circuit breaker{of}</dt>
      <dd>
        {limit(pool.max_requests)} calls in flight, {limit(pool.max_connections)} connections; connects within{" "}
        {pool.connect_timeout}
      </dd>
      {pool.retry_budget_percent !== null && (
        <>
          <dt>Retries{of}</dt>
          <dd>at most {pool.retry_budget_percent} % of the calls in flight</dd>
        </>
      )}
      {pool.consecutive_errors !== null && (
        <>
          <dt>Ejection{of}</dt>
          <dd>
            after {pool.consecutive_errors} errors in a row, for {pool.ejection_time}; at most{" "}
            {pool.max_ejected_percent} % of the Pods
          </dd>
        </>
      )}
    </>
  );
}

function Proxies({ detail }: { detail: EdgeDetail }) {
  if (detail.edge.kind !== "calls" || detail.proxies.length === 0) {
    return null;
  }
  return (
    <>
      <h3>{detail.live ? "What the proxies do now" : "What the proxies did"}</h3>
      {detail.proxies.map(({ pod, now, window }) => (
        <div key={pod} class="topology-proxy">
          <p class="small">
            <b>{pod}</b>
          </p>
          <p class="row topology-facts">
            <span class={`badge ${now.breaker_open ? "bad" : "good"}`}>
              circuit breaker {now.breaker_open ? "open" : "closed"}
            </span>
            <span class="badge">{now.active ?? 0} active</span>
            {now.pending ? <span class="badge warn">{now.pending} pending</span> : null}
            <span class="badge">{now.connections ?? 0} connections</span>
            <span class={`badge ${now.ejected || now.healthy !== now.hosts ? "bad" : "good"}`}>
              {now.healthy ?? 0} of {now.hosts ?? 0} Pods healthy{now.ejected ? `, ${now.ejected} ejected` : ""}
            </span>
          </p>
          <WindowFacts counts={window} seconds={detail.window_seconds} />
        </div>
      ))}
      {detail.hosts.some(({ ejected }) => ejected) && (
        <ul>
          {detail.hosts
            .filter(({ ejected }) => ejected)
            .map(({ seen_by, address, pod }) => (
              <li key={`${seen_by}${address}`} class="small topology-flag">
                {seen_by} has ejected {pod || address}
              </li>
            ))}
        </ul>
      )}
    </>
  );
}

/** What was counted, without the zeros. */
function WindowFacts({ counts, seconds }: { counts: Record<string, number>; seconds: number }) {
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  return (
    <p class="small soft">
      In {seconds} s:{" "}
      {found.length > 0
        ? found.map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`).join(", ")
        : "no retry, timeout, ejection, or rejected call"}
    </p>
  );
}

/** Links to the pages of other programs. */
export function Links({ links }: { links: readonly Link[] }) {
  return (
    <p class="row topology-links">
      {links.map(({ title: text, url }) => (
        <a key={text} href={url} data-outside>
          {text}
        </a>
      ))}
    </p>
  );
}

function limit(value: number | null): string {
  return value === null ? "unlimited" : `${value}`;
}

/** "virtual-service shop/payments" → the command that shows it. */
function commandOf(source: string): string {
  const [kind = "", path = ""] = source.split(" ");
  const [namespace, name] = path.split("/");
  return `kubectl get ${kind.replaceAll("-", "")} -n ${namespace} ${name} -o yaml`;
}
