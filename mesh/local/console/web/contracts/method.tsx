// One method: what its contract says, what the proxies do, its recent calls, and a call to try.
import { Await, formatNumber, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import type { PageProps } from "../pages.ts";
import { whyUrl } from "../why/decision.ts";
import { Budget } from "./budget.tsx";
import {
  audience,
  duration,
  type Field,
  type MethodDetails,
  objectiveText,
  type Recent,
  repetition,
  type Treatment,
} from "./contract.ts";
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

function RecentCalls({ recent }: { recent: Recent }) {
  if (recent.calls === 0) {
    return <p class="soft">None. Calls appear here a few seconds after they are made.</p>;
  }
  return (
    <>
      <dl class="facts">
        <div>
          <dt>p99</dt>
          <dd>{recent.p99_ms === null ? "not known" : duration(recent.p99_ms)}</dd>
        </div>
        <div>
          <dt>Error budget used</dt>
          <dd>
            <Budget label="Error budget" used={recent.error_budget_used} />
          </dd>
        </div>
        <div>
          <dt>Slow budget used</dt>
          <dd>
            <Budget label="Budget of slow calls" used={recent.slow_budget_used} />
          </dd>
        </div>
      </dl>
      <table>
        <thead>
          <tr>
            <th scope="col">Caller</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">
              Calls
            </th>
          </tr>
        </thead>
        <tbody>
          {recent.counts.map(({ caller, status, calls }) => (
            <tr key={`${caller} ${status}`}>
              <td>{caller}</td>
              <td>{status}</td>
              <td class="number">{formatNumber(calls)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small soft">A call that the gateway refuses reaches no service and is not counted.</p>
    </>
  );
}

/** What the proxies of the callers do now, which a policy of an operator may have changed. */
function Live({ name }: { name: string }) {
  const call = useApi<Treatment[]>(`/api/contracts/${name}/live`);
  return (
    <section class="card">
      <h2>What the proxies do now</h2>
      <Await call={call}>
        {(treatments) =>
          treatments.length === 0 ? (
            <p class="soft">No caller with a Pod has a route to this method.</p>
          ) : (
            treatments.map((each) => (
              <div key={each.caller} class="treatment">
                <h3>{each.caller}</h3>
                <p class="small">
                  {each.timeout ? `timeout ${each.timeout}` : "no timeout"},{" "}
                  {each.retries ? `${each.retries} retries on ${each.retry_on.replaceAll(",", ", ")}` : "no retries"}
                  {each.calls_per_minute !== null &&
                    `, ${formatNumber(each.calls_per_minute)} calls a minute for one caller`}
                </p>
                <p class="small soft">{each.pod}</p>
              </div>
            ))
          )
        }
      </Await>
    </section>
  );
}

function Fields({ title, fields }: { title: string; fields: Field[] }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {fields.length === 0 ? <p class="soft">It has no fields.</p> : <FieldTable fields={fields} />}
    </section>
  );
}

function FieldTable({ fields }: { fields: Field[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Fields">
      <table class="fields">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Rules</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field.path}>
              <th scope="row">
                <code>{field.path}</code>
                <span class="small soft method-summary">{short(field.type)}</span>
              </th>
              <td>
                {field.required && <span class="badge">required</span>}
                {field.output_only && <span class="badge">set by the service</span>}
                {field.deprecated && <span class="badge warn">deprecated</span>}
                <ul class="rules">
                  {field.rules.map((rule) => (
                    <li key={rule}>{rule}</li>
                  ))}
                </ul>
              </td>
              <td>{field.comment}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Return a type without its package: "list of PlaceOrderItem". */
function short(type: string): string {
  return type.replace(/[\w.]+\.(\w+)$/, "$1");
}
