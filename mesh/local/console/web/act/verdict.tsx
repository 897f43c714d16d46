// What an experiment has shown: whether its hypothesis holds, and what was measured.
import type { Orders, Verdict } from "./types.ts";

/** Whether the JSON of a command is a list of verdicts. */
export function isVerdicts(result: unknown): result is Verdict[] {
  return Array.isArray(result) && result.every((each) => each && typeof each === "object" && "violations" in each);
}

/** The verdicts of experiments that ran one after the other. */
export function Verdicts({ verdicts }: { verdicts: readonly Verdict[] }) {
  return verdicts.map((verdict) => <VerdictCard key={verdict.experiment.name} verdict={verdict} />);
}

function VerdictCard({ verdict }: { verdict: Verdict }) {
  const { experiment, orders, promise } = { ...verdict, promise: verdict.experiment.promise };
  return (
    <section class="act-verdict" aria-label={`Verdict of ${experiment.name}`}>
      <p class="row">
        <Judgement verdict={verdict} />
        <span>{experiment.hypothesis}</span>
      </p>
      {verdict.violations.map((violation) => (
        <p key={violation} class="notice bad act-violation">
          {violation}
        </p>
      ))}
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Orders</th>
              <th scope="col">sold</th>
              <th scope="col" class="number">
                p99
              </th>
            </tr>
          </thead>
          <tbody>
            <Row when="before" orders={orders.before} promise="all sell, p99 at most 5 s" />
            <Row
              when="during"
              orders={orders.during}
              promise={`${describeShare(promise.success_percent)}, p99 at most ${promise.p99_seconds} s`}
            />
            <Row when="after" orders={orders.after} promise="all sell, p99 at most 5 s" />
          </tbody>
        </table>
      </div>
      <dl class="act-facts">
        <dt>Detected</dt>
        <dd>
          {verdict.detected
            ? `after ${verdict.detected.seconds.toFixed(1)} s: ${verdict.detected.sign}`
            : "no call failed, no Pod was missing"}
        </dd>
        <dt>Recovered</dt>
        <dd>
          {seconds(verdict.recovered_seconds, "never")}
          {promise.recovers_alone ? " after the start of the fault" : " after its end"}
          <span class="soft"> (promise: {promise.recovery_seconds} s)</span>
        </dd>
        <dt>Books</dt>
        <dd>{verdict.books ?? "not checked"}</dd>
        <dt>Alerts</dt>
        <dd>
          <Alerts verdict={verdict} />
        </dd>
      </dl>
    </section>
  );
}

/** What part of the orders must sell, in percent, as words. */
export function describeShare(percent: number): string {
  return percent === 100 ? "all sell" : percent > 0 ? `at least ${percent} % sell` : "they may fail";
}

/** Whether the hypothesis holds. */
export function Judgement({ verdict }: { verdict: Verdict }) {
  return <span class={`badge ${verdict.holds ? "good" : "bad"}`}>{verdict.holds ? "holds" : "FAILS"}</span>;
}

function Row({ when, orders, promise }: { when: string; orders: Orders; promise: string }) {
  return (
    <tr>
      <th scope="row">{when}</th>
      <td>
        <span class="act-sold">
          <meter min={0} max={Math.max(1, orders.placed)} value={orders.sold} aria-label={`Orders sold ${when}`} />
          {orders.sold} of {orders.placed}
        </span>
        <span class="soft small act-line">promise: {promise}</span>
        {orders.errors.map((error) => (
          <span key={error} class="small act-line act-error">
            {error}
          </span>
        ))}
      </td>
      <td class="number">{orders.placed ? `${orders.p99_seconds.toFixed(2)} s` : "–"}</td>
    </tr>
  );
}

function Alerts({ verdict }: { verdict: Verdict }) {
  const expected = verdict.experiment.alert;
  if (verdict.alerts === null) {
    return <>not watched</>;
  }
  if (verdict.alerts.length === 0) {
    return <>none fired{expected && <span class="soft"> ({expected} is the alert of this fault)</span>}</>;
  }
  return (
    <ul class="act-plain">
      {verdict.alerts.map(({ alert, fired_seconds: fired, ended_seconds: ended }) => (
        <li key={alert}>
          {alert}: fired after {seconds(fired, "?")}, ended {seconds(ended, "not yet")} after the fault
          {alert.split(" ")[0] !== expected && <span class="badge bad">not expected</span>}
        </li>
      ))}
    </ul>
  );
}

function seconds(value: number | null, never: string): string {
  return value === null ? never : `${value.toFixed(1)} s`;
}
