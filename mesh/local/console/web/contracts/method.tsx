// One method: what its contract says, what the proxies do, its recent calls, and a call to try.
import { Await, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import { duration } from "../format.ts";
import type { PageProps } from "../pages.ts";
import { whyUrl } from "../why/decision.ts";
import { audience, type MethodDetails, objectiveText, type Recent, repetition } from "./contract.ts";
import { Fields, FieldTable, short } from "./fields.tsx";
import { Live, RecentCalls } from "./traffic.tsx";
import { TryCall } from "./try.tsx";
import "./contracts.css";

const REFRESH_MS = 10_000;

/** The page of a method. */
export function MethodPage({ params }: PageProps) {
  const name = `${params.service}/${params.method}`;
  useTitle(params.method ?? "");
  const details = useApi<MethodDetails>(`/api/contracts/${name}`);
  const recent = useApi<Recent>(`/api/contracts/${name}/recent`, { every: REFRESH_MS });
  return (
    <Await call={details}>
      {(method) => (
        <>
          <p class="small">
            <a href="/contracts">Contracts</a> / <a href={`/contracts?q=${method.service}`}>{method.service}</a>
          </p>
          <div class="row">
            <h1 class="method-title">{method.summary.short}</h1>
            {method.summary.deprecated && <span class="badge warn">deprecated</span>}
            {method.is_stream && <span class="badge">stream</span>}
          </div>
          <p class="soft small method-title">
            {method.summary.name} · <code>{method.file}</code>
          </p>
          <Comment text={method.comment} />
          <div class="columns wide-left method-columns">
            <div>
              <TryCall method={method} tried={recent.reload} />
              <Fields title={`Request: ${short(method.request)}`} fields={method.request_fields} />
              <details class="card">
                <summary>Response: {short(method.response)}</summary>
                <FieldTable fields={method.response_fields} />
              </details>
            </div>
            <div>
              <Contract method={method} />
              <section class="card">
                <h2>Calls in the last hour</h2>
                <Await call={recent}>{(found) => <RecentCalls recent={found} />}</Await>
              </section>
              <Live name={name} />
            </div>
          </div>
        </>
      )}
    </Await>
  );
}

/** What the contract says: the first paragraph at once, the rest on request. */
function Comment({ text }: { text: string }) {
  const [first, ...rest] = text.split("\n\n");
  return (
    <>
      <p class="prose">{first}</p>
      {rest.length > 0 && (
        <details>
          <summary>Errors and more</summary>
          {rest.map((paragraph) => (
            <p key={paragraph} class="prose">
              {paragraph}
            </p>
          ))}
        </details>
      )}
    </>
  );
}

function Contract({ method }: { method: MethodDetails }) {
  const { summary } = method;
  const facts: [string, string][] = [
    ["Owner", `${method.owner || "none"}, tier ${method.tier}`],
    ["From outside", audience(summary)],
    [
      "Timeout",
      summary.timeout_ms === null ? "none: a stream lasts until its caller ends it" : duration(summary.timeout_ms),
    ],
    ["Retries", repetition(summary)],
    [
      "Rate limit",
      summary.calls_per_minute ? `${summary.calls_per_minute} calls a minute for one caller` : "none of its own",
    ],
    ["Objective", objectiveText(summary.objective)],
    ["HTTP", summary.http.join(", ") || "none"],
  ];
  return (
    <section class="card">
      <h2>Contract</h2>
      <dl class="facts">
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
        <div>
          <dt>Declared callers</dt>
          <dd>
            {summary.callers.length === 0 && "none"}
            {summary.callers.map((caller, index) => (
              <span key={caller}>
                {index > 0 && ", "}
                <a href={whyUrl(caller, summary.name)}>{caller}</a>
              </span>
            ))}
          </dd>
        </div>
      </dl>
      <p class="small">
        <a href={`/why/matrix?service=${method.service}`}>Who may call {method.service} now</a>
      </p>
    </section>
  );
}
