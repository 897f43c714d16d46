// The calls of a method: those of the last hour, and what the proxies do with the next one.
import { Await, formatNumber } from "@shop/kit";
import { useApi } from "../api.ts";
import { duration } from "../format.ts";
import { Budget } from "./budget.tsx";
import type { Recent, Treatment } from "./contract.ts";

/** The calls of the last hour by caller and status, and how they meet the objective. */
export function RecentCalls({ recent }: { recent: Recent }) {
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
export function Live({ name }: { name: string }) {
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
