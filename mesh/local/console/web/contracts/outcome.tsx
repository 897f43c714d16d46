// How a call ended.
import { duration } from "../format.ts";
import type { Outcome } from "./contract.ts";

const ORDER = /\borders\/[a-z0-9-]{36}\b/g;

/** The status, the responses and the metadata. `why` is the page that explains a refusal. */
export function Result({ outcome, why }: { outcome: Outcome; why: string }) {
  const orders = new Set(JSON.stringify(outcome.messages).match(ORDER));
  const name = outcome.stopped ? "stopped" : outcome.status || "not sent";
  const isGood = outcome.status === "OK" || Boolean(outcome.stopped);
  return (
    <div class="outcome">
      <p class="row">
        <span class={`badge ${isGood ? "good" : "bad"}`} data-status={outcome.status}>
          {name}
        </span>
        <span class="soft">{duration(outcome.seconds * 1000)}</span>
        <span>{outcome.stopped || outcome.message}</span>
        {outcome.status === "PERMISSION_DENIED" && <a href={why}>Why?</a>}
      </p>
      {orders.size === 1 &&
        [...orders].map((order) => (
          <p key={order}>
            <a href={`/${order}`}>The story of {order}</a>
          </p>
        ))}
      {outcome.messages.map((message, index) => (
        <pre key={index} class="json" tabIndex={0} role="group" aria-label="Response">
          {pretty(message)}
        </pre>
      ))}
      {outcome.details.length > 0 && (
        <details>
          <summary>Details of the status</summary>
          <pre class="json" tabIndex={0}>
            {pretty(outcome.details)}
          </pre>
        </details>
      )}
      <Metadata title="Headers" values={outcome.headers} />
      <Metadata title="Trailers" values={outcome.trailers} />
    </div>
  );
}

function Metadata({ title, values }: { title: string; values: Record<string, string> }) {
  const entries = Object.entries(values);
  if (entries.length === 0) {
    return null;
  }
  return (
    <details>
      <summary>{title}</summary>
      <dl class="facts">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** Return JSON that people can read. */
export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
