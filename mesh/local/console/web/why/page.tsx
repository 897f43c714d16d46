// May a caller call a method? Which proxy decides, by which rule, and what would allow it.
import { Await, Empty, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import { Command } from "../command.tsx";
import type { PageProps } from "../pages.ts";
import { ProxyChain } from "./chain.tsx";
import type { Decision, Excerpt, Names, Verdict } from "./decision.ts";
import { Question } from "./form.tsx";
import "./why.css";

/** The page of one decision. */
export function WhyPage({ query }: PageProps) {
  useTitle("Why");
  const text = query.toString();
  const asked = query.get("caller") && query.get("method");
  return (
    <>
      <div class="row between">
        <h1>Why is a call allowed or denied?</h1>
        <a href="/why/matrix">All callers and methods</a>
      </div>
      <p class="soft">
        The decision is made from what the proxies have now. Policies that were applied by hand count as well.
      </p>
      <Question key={text} query={query} />
      <section aria-live="polite" aria-label="Decision">
        {asked ? (
          <Answer key={text} query={text} />
        ) : (
          <Empty title="Name a caller and a method.">
            <p>
              For example:{" "}
              <a href="/why?caller=anonymous&method=shop.orders.v1.OrdersService/PlaceOrder">
                may someone without a login place an order?
              </a>
            </p>
          </Empty>
        )}
      </section>
    </>
  );
}

function Answer({ query }: { query: string }) {
  const call = useApi<Decision>(`/api/why?${query}`);
  return (
    <>
      <Await call={call}>{(decision) => <Explanation decision={decision} />}</Await>
      {call.error && <Suggestions query={query} message={call.error.rawMessage} />}
    </>
  );
}

/** The questions that the user may have meant: those with a caller or a method that an error names. */
function Suggestions({ query, message }: { query: string; message: string }) {
  const names = useApi<Names>("/api/why/names").result;
  const hint = message.split("Did you mean ")[1] ?? "";
  const words = new Set(hint.split(/[ ?]/));
  const meant = (names?.callers ?? []).filter((name) => words.has(name)).map((name) => ["caller", name] as const);
  const methods = (names?.methods ?? []).filter((name) => message.includes(name));
  const questions = [...meant, ...methods.map((name) => ["method", name] as const)].map(([key, name]) => {
    const next = new URLSearchParams(query);
    next.set(key, name);
    return { name, url: `/why?${next}` };
  });
  return (
    <ul class="row why-suggestions" aria-label="Suggestions">
      {questions.map(({ name, url }) => (
        <li key={name}>
          <a href={url}>{name}</a>
        </li>
      ))}
    </ul>
  );
}

function Explanation({ decision }: { decision: Decision }) {
  const decided = decision.decided_by;
  const [contract, name] = decision.method.split("/");
  return (
    <>
      <h2 class="why-result">
        <span class={decision.allowed ? "badge good" : "badge bad"}>{decision.allowed ? "Allowed" : "Denied"}</span>{" "}
        {decision.caller} {decision.allowed ? "may" : "may not"} call{" "}
        <a href={`/contracts/${contract}/${name}`}>{decision.method}</a>
      </h2>
      <ProxyChain decision={decision} />
      <div class="columns why-columns">
        <Reason decision={decision} verdict={decided} />
        <div>
          {decision.to_allow.length > 0 && (
            <section class="card">
              <h3>The smallest change that would allow it</h3>
              {decision.to_allow.map((step) => (
                <Step key={step} text={step} />
              ))}
            </section>
          )}
          <section class="card">
            <h3>The same on the command line</h3>
            <Command text={decision.command} />
          </section>
        </div>
      </div>
    </>
  );
}

/** Why the proxy that decides does so: the rule, its policy, and the line that it comes from. */
function Reason({ decision, verdict }: { decision: Decision; verdict: Verdict }) {
  const matching = verdict.reason === "ALLOW_RULE" || verdict.reason === "DENY_RULE";
  const excerpt = verdict.line ? decision.excerpts[verdict.line] : undefined;
  return (
    <section class="card">
      <h3>
        The {verdict.proxy} decides: {decision.reasons[verdict.reason]}
      </h3>
      {verdict.resource && (
        <p>
          By the <code>{verdict.resource}</code>
        </p>
      )}
      {verdict.rules.map((rule) => {
        const policy = `${rule.namespace}/${rule.name}`;
        const text = decision.rule_texts[`${policy}/${rule.rule}`];
        return (
          <div key={`${policy}/${rule.rule}`}>
            <p>
              {matching ? `Rule ${rule.rule} of the ` : "No rule matches of the "}
              {rule.kind} <code>{policy}</code>
            </p>
            {text && (
              <pre class="why-rule" tabIndex={0} role="group" aria-label={`Rule ${rule.rule} of ${policy}`}>
                {text}
              </pre>
            )}
          </div>
        );
      })}
      {(verdict.line || verdict.note) && (
        <p>
          {verdict.line && <code>{verdict.line}</code>} {verdict.note}
        </p>
      )}
      {excerpt && <Lines excerpt={excerpt} />}
    </section>
  );
}

function Lines({ excerpt }: { excerpt: Excerpt }) {
  return (
    <pre class="why-lines" tabIndex={0} role="group" aria-label={`Lines of ${excerpt.file}`}>
      {excerpt.lines.map((line, index) => {
        const number = excerpt.first + index;
        const text = `${String(number).padStart(4)}  ${line}`;
        return number === excerpt.number ? <mark key={number}>{text}</mark> : <span key={number}>{text}</span>;
      })}
    </pre>
  );
}

/** A step of the advice: a sentence, perhaps with what to type below it. */
function Step({ text }: { text: string }) {
  const [sentence = "", ...rest] = text.split("\n");
  const indented = rest.filter((line) => line.startsWith("  "));
  const words = [sentence, ...rest.filter((line) => !line.startsWith("  "))].join(" ");
  return (
    <>
      <p>{words}</p>
      {indented.length > 0 && <Command text={indented.map((line) => line.slice(2)).join("\n")} />}
    </>
  );
}
