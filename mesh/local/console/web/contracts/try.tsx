// A call to try: the request as JSON, who makes it, and how it ended.

import { ConnectError } from "@connectrpc/connect";
import { explain } from "@shop/kit";
import { useRef, useState } from "preact/hooks";
import { post } from "../api.ts";
import { Command } from "../command.tsx";
import { whyUrl } from "../why/decision.ts";
import { ANONYMOUS, commandFor, OPERATOR, USER } from "./command.ts";
import type { MethodDetails, Outcome } from "./contract.ts";
import { pretty, Result } from "./outcome.tsx";

const REQUEST_ID = "requestId";

/** Shows the form, and the result of the last call. `tried` is called after each one. */
export function TryCall({ method, tried }: { method: MethodDetails; tried: () => void }) {
  const { summary } = method;
  const [text, setText] = useState(() => pretty(method.example));
  const [caller, setCaller] = useState(() => likely(method));
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState("");
  const [calling, setCalling] = useState(false);
  const sent = useRef("");
  const request = parsed(text);

  async function call(event: Event): Promise<void> {
    event.preventDefault();
    if (calling) {
      return;
    }
    const next = renewed(text, sent.current);
    setText(next);
    sent.current = next;
    setCalling(true);
    setError("");
    setOutcome(undefined);
    try {
      setOutcome(await post<Outcome>(`/api/contracts/${summary.name}/call`, { caller, request: next }));
      tried();
    } catch (thrown) {
      setError(explain(ConnectError.from(thrown)));
    } finally {
      setCalling(false);
    }
  }

  const violations = outcome?.violations ?? [];
  const problem = outcome?.invalid ?? (request === undefined ? "This is no JSON." : undefined);
  return (
    <section class="card" aria-labelledby="try">
      <h2 id="try">Try a call</h2>
      <form class="try" aria-label="Try a call" onSubmit={(event) => void call(event)}>
        <div class="field">
          <label for="try-caller">Call as</label>
          <select id="try-caller" value={caller} onChange={(event) => setCaller(event.currentTarget.value)}>
            {method.may_try.map((each) => (
              <option key={each} value={each}>
                {describe(each)}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="try-request">Request, as JSON</label>
          <textarea
            id="try-request"
            class="try-request"
            rows={Math.min(text.split("\n").length + 1, 24)}
            spellcheck={false}
            value={text}
            aria-invalid={problem || violations.length > 0 ? "true" : "false"}
            aria-describedby={problem ? "try-problem" : violations.length > 0 ? "try-violations" : undefined}
            onInput={(event) => {
              setText(event.currentTarget.value);
              // What was wrong with another text says nothing about this one.
              setOutcome((before) => (before?.invalid ? undefined : before));
            }}
          />
          {problem && (
            <p class="field-error" id="try-problem">
              {problem}
            </p>
          )}
          {violations.length > 0 && (
            <ul class="violations" id="try-violations" aria-label="Invalid fields">
              {violations.map(({ field, description }) => (
                <li key={`${field} ${description}`}>
                  <code>{field}</code> {description}
                </li>
              ))}
            </ul>
          )}
        </div>
        <div class="row">
          <button type="submit" class="button" aria-disabled={calling}>
            {calling ? "Calling …" : "Call"}
          </button>
          <button type="button" class="link-button" onClick={() => setText(pretty(method.example))}>
            Start again with the example
          </button>
        </div>
      </form>
      {request !== undefined && <Command text={commandFor(method, caller, request)} />}
      <div aria-live="polite">
        {error && <p class="notice bad">{error}</p>}
        {outcome && outcome.invalid === undefined && <Result outcome={outcome} why={whyUrl(caller, summary.name)} />}
      </div>
    </section>
  );
}

/** Return the caller that the method is for. */
function likely({ summary, may_try }: MethodDetails): string {
  if (summary.audience === "anyone") {
    return ANONYMOUS;
  }
  if (summary.audience === "inside") {
    return OPERATOR;
  }
  return may_try.find((caller) => summary.roles.includes(caller)) ?? USER;
}

function describe(caller: string): string {
  if (caller === ANONYMOUS) {
    return "anonymous: without a token";
  }
  if (caller === USER) {
    return "the demo user";
  }
  return caller === OPERATOR ? "the operator: a Job in the mesh" : `a demo user with the role ${caller}`;
}

/** A new request needs a new request_id: with that of the last one, the service would refuse other contents. */
function renewed(text: string, sent: string): string {
  const [request, before] = [parsed(text), parsed(sent)];
  if (!before || !request || request[REQUEST_ID] !== before[REQUEST_ID] || !request[REQUEST_ID] || text === sent) {
    return text;
  }
  return text.replace(String(request[REQUEST_ID]), crypto.randomUUID());
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
