// A chaos experiment: what it expects, the form that runs it, and what its runs have shown.
import { Await, navigate, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import type { PageProps } from "../pages.ts";
import { NumberField } from "./canaries.tsx";
import { Act, Ran } from "./run.tsx";
import { Ending } from "./running.tsx";
import type { Cluster, ExperimentRuns } from "./types.ts";
import { describeShare, Verdicts } from "./verdict.tsx";

/** The page of an experiment. What is chosen in its form is in the address. */
export function ExperimentPage({ params: { name = "" }, query }: PageProps) {
  useTitle(name);
  const call = useApi<ExperimentRuns>(`/api/experiments/${encodeURIComponent(name)}`, { every: 3000 });
  return (
    <>
      <p class="small">
        <a href="/act?show=chaos">All experiments</a>
      </p>
      <h1>{name}</h1>
      <Await call={call}>
        {(experiment) => (
          <>
            <p class="act-lead">Hypothesis: {experiment.hypothesis}</p>
            <Promises experiment={experiment} />
            <Form experiment={experiment} query={query} />
            <Ran query={query} onEnd={call.reload} />
            {!query.get("ran") && <Newest experiment={experiment} />}
          </>
        )}
      </Await>
    </>
  );
}

function Promises({ experiment: { promise, alert } }: { experiment: ExperimentRuns }) {
  return (
    <dl class="act-facts card">
      <dt>Orders</dt>
      <dd>
        {describeShare(promise.success_percent)} during the fault, p99 at most {promise.p99_seconds} s
      </dd>
      <dt>Recovery</dt>
      <dd>
        the shop is steady within {promise.recovery_seconds} s of the {promise.recovers_alone ? "start" : "end"} of the
        fault
      </dd>
      <dt>Alert</dt>
      <dd>{alert ? `${alert} fires, and no other` : "none fires"}</dd>
    </dl>
  );
}

function Form({ experiment, query }: { experiment: ExperimentRuns; query: URLSearchParams }) {
  const service = query.get("service") ?? experiment.service;
  const seconds = query.get("seconds") ?? "8";
  const alerts = query.get("alerts") ?? "yes";
  const choose = (name: string, value: string) => {
    const url = new URL(location.href);
    url.searchParams.set(name, value);
    navigate(url.pathname + url.search, { replace: true });
  };
  return (
    <div class="row act-form card">
      {service && <Service service={service} onChange={(value) => choose("service", value)} />}
      <NumberField
        label="Seconds of the fault"
        value={seconds}
        min={1}
        max={300}
        onChange={(value) => choose("seconds", value)}
      />
      <label class="act-check">
        <input
          type="checkbox"
          checked={alerts === "yes"}
          onChange={(event) => choose("alerts", event.currentTarget.checked ? "yes" : "no")}
        />
        Wait for the alert, which takes minutes
      </label>
      <Act
        act="chaos"
        params={{ experiment: experiment.name, seconds, alerts, ...(service && { service }) }}
        title={`Run the experiment ${experiment.name}`}
        label="Run the experiment"
        disabled={experiment.run?.running ?? false}
        danger
      />
    </div>
  );
}

function Service({ service, onChange }: { service: string; onChange: (value: string) => void }) {
  const cluster = useApi<Cluster>("/api/workloads").result;
  const names = (cluster?.workloads ?? [])
    .filter(({ namespace, name, app }) => namespace === "shop" && name === app)
    .map(({ name }) => name);
  return (
    <label class="act-number">
      Service
      <select class="input" value={service} onChange={(event) => onChange(event.currentTarget.value)}>
        {(names.includes(service) ? names : [service, ...names]).map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Newest({ experiment: { run, result } }: { experiment: ExperimentRuns }) {
  if (!run) {
    return <p class="soft">This console has not run it yet.</p>;
  }
  return (
    <section class="card" aria-label="The newest run">
      <p class="row">
        <strong>The newest run</strong> <Ending command={run} />
        <a href={`/commands/${run.id}`}>{run.command}</a>
      </p>
      {result && !run.running && <Verdicts verdicts={[result]} />}
    </section>
  );
}
