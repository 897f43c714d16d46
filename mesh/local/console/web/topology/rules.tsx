// The limits of an edge that count the calls of all methods, and the objects that define its rules.
import { Command } from "../command.tsx";
import type { EdgeDetail, Pool } from "./api.ts";
import { title } from "./figures.ts";
import { commonLimits, limitText } from "./methods.tsx";

/** The limits, and the commands that show where they come from. */
export function Rules({ detail }: { detail: EdgeDetail }) {
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

function limit(value: number | null): string {
  return value === null ? "unlimited" : `${value}`;
}

/** "virtual-service shop/payments" → the command that shows it. */
function commandOf(source: string): string {
  const [kind = "", path = ""] = source.split(" ");
  const [namespace, name] = path.split("/");
  return `kubectl get ${kind.replaceAll("-", "")} -n ${namespace} ${name} -o yaml`;
}
