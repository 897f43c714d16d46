// The details of an edge: the methods that the contract allows there, their rules, and what the proxies do.
import { Await } from "@shop/kit";
import { useApi } from "../api.ts";
import { duration } from "../format.ts";
import type { EdgeDetail, Link } from "./api.ts";
import { Events } from "./events.tsx";
import { edgeLevel, rate, share, TRANSPORTS, title } from "./figures.ts";
import { Methods } from "./methods.tsx";
import { REFRESH_MS } from "./page.tsx";
import { Rules } from "./rules.tsx";

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
      {detail.stream && <Events stream={detail.stream} />}
      {detail.live && detail.pools.length > 0 && <Rules detail={detail} />}
      <Proxies detail={detail} />
      <Links links={detail.links} />
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
