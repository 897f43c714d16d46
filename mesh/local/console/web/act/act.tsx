// The overview of acts: scenarios, workloads, canaries, and experiments.
import { Await, Empty, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import type { PageProps } from "../pages.ts";
import "./act.css";
import { Canaries } from "./canaries.tsx";
import { Act, Ran } from "./run.tsx";
import { Ending } from "./running.tsx";
import type { Cluster, ExperimentRuns, Scenario, ScenarioState, Workload } from "./types.ts";
import { Judgement } from "./verdict.tsx";

const TABS = [
  { name: "scenarios", label: "Scenarios", content: Scenarios },
  { name: "workloads", label: "Workloads", content: Workloads },
  { name: "canaries", label: "Canaries", content: CanaryTab },
  { name: "chaos", label: "Chaos", content: Experiments },
] as const;

/** The page of everything that can be done. */
export function ActPage({ query }: PageProps) {
  const shown = TABS.find(({ name }) => name === query.get("show")) ?? TABS[0];
  useTitle(shown.label);
  return (
    <>
      <h1>Act</h1>
      <nav class="act-tabs" aria-label="What to act on">
        {TABS.map(({ name, label }) => (
          <a key={name} href={`/act?show=${name}`} aria-current={name === shown.name ? "page" : undefined}>
            {label}
          </a>
        ))}
        <a href="/commands">Commands</a>
      </nav>
      <Ran query={query} />
      <shown.content query={query} />
    </>
  );
}

function Scenarios() {
  const call = useApi<Scenario[]>("/api/scenarios", { every: 4000 });
  return (
    <Await call={call}>
      {(scenarios) => (
        <>
          <p class="soft">
            {scenarios.filter(({ state }) => state === "applied").length} of {scenarios.length} are applied. A scenario
            shows one effect of the mesh; its page explains it.
          </p>
          <ul class="act-list">
            {scenarios.map((scenario) => (
              <li key={scenario.name} class="card act-item">
                <a href={`/act/scenarios/${scenario.name}`}>{scenario.name}</a>
                <StateBadge state={scenario.state} />
                <span class="soft">{scenario.effect}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Await>
  );
}

/** How much of a scenario is applied. */
export function StateBadge({ state }: { state: ScenarioState }) {
  const colour = { applied: "good", "partly applied": "warn", "not applied": "", "nothing to apply": "" }[state];
  return <span class={`badge ${colour}`}>{state}</span>;
}

function Workloads() {
  const call = useApi<Cluster>("/api/workloads", { every: 2000 });
  return (
    <Await call={call}>
      {({ workloads }) => (
        <div class="scroll" tabIndex={0} role="region" aria-label="Workloads">
          <table class="act-table">
            <thead>
              <tr>
                <th scope="col">Workload</th>
                <th scope="col">Ready</th>
                <th scope="col" class="number">
                  Restarts
                </th>
                <th scope="col">Actions</th>
              </tr>
            </thead>
            <tbody>
              {workloads.map((workload) => (
                <WorkloadRow key={`${workload.namespace}/${workload.name}`} workload={workload} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Await>
  );
}

function WorkloadRow({ workload }: { workload: Workload }) {
  const { namespace, name, version } = workload;
  const params = { namespace, workload: name };
  return (
    <tr>
      <th scope="row">
        <a href={workloadLink(workload)}>{name}</a>
        <span class="soft small act-line act-where">
          {namespace}
          {version && `, ${version}`}
        </span>
      </th>
      <td>
        <Ready workload={workload} />
      </td>
      <td class="number">{restarts(workload)}</td>
      <td>
        <Act act="restart" params={params} title={`Restart ${name}`} label="Restart" name={`Restart ${name}`} />
      </td>
    </tr>
  );
}

/** How many Pods of a workload are ready. */
export function Ready({ workload: { ready, replicas } }: { workload: Workload }) {
  const colour = replicas === 0 ? "" : ready < replicas ? "bad" : "good";
  return (
    <span class={`badge ${colour}`}>
      {ready} of {replicas}
    </span>
  );
}

/** The address of a workload's page. */
export function workloadLink({ namespace, name }: { namespace: string; name: string }): string {
  return `/act/workloads/${name}${namespace === "shop" ? "" : `?namespace=${namespace}`}`;
}

/** How often the containers of a workload were restarted. */
export function restarts({ pods }: Workload): number {
  return pods.flatMap(({ containers }) => containers).reduce((sum, container) => sum + container.restarts, 0);
}

function CanaryTab() {
  const call = useApi<Cluster>("/api/workloads", { every: 2000 });
  return <Await call={call}>{(cluster) => <Canaries cluster={cluster} />}</Await>;
}

/** The experiments. With a service in the query, those that can hit it are run against it. */
function Experiments({ query }: { query: URLSearchParams }) {
  const service = query.get("service");
  const link = (experiment: ExperimentRuns) =>
    `/act/chaos/${experiment.name}${service && experiment.service ? `?service=${service}` : ""}`;
  const call = useApi<ExperimentRuns[]>("/api/experiments", { every: 4000 });
  return (
    <Await call={call}>
      {(experiments) =>
        experiments.length > 0 ? (
          <ul class="act-list">
            {experiments.map((experiment) => (
              <li key={experiment.name} class="card act-item">
                <a href={link(experiment)}>{experiment.name}</a>
                {experiment.run?.running ? (
                  <Ending command={experiment.run} />
                ) : experiment.result ? (
                  <Judgement verdict={experiment.result} />
                ) : (
                  <span class="badge">not run here</span>
                )}
                <span class="soft">{experiment.hypothesis}</span>
              </li>
            ))}
          </ul>
        ) : (
          <Empty title="There are no experiments." />
        )
      }
    </Await>
  );
}
