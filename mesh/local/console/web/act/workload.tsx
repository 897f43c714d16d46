// A workload: its Pods and containers, and the buttons that scale, restart and kill.
import { Await, Empty, useTitle } from "@shop/kit";
import { useState } from "preact/hooks";
import { useApi } from "../api.ts";
import { date } from "../format.ts";
import type { PageProps } from "../pages.ts";
import { Ready, restarts } from "./act.tsx";
import { NumberField } from "./canaries.tsx";
import { Act, Ran } from "./run.tsx";
import type { Cluster, Pod, Workload } from "./types.ts";

/** The page of a workload of the shop, or of another namespace that the query names. */
export function WorkloadPage({ params: { name = "" }, query }: PageProps) {
  useTitle(name);
  const namespace = query.get("namespace") ?? "shop";
  const call = useApi<Cluster>("/api/workloads", { every: 1500 });
  return (
    <>
      <p class="small">
        <a href="/act?show=workloads">All workloads</a>
      </p>
      <h1>{name}</h1>
      <Ran query={query} onEnd={call.reload} />
      <Await call={call}>
        {({ workloads }) => {
          const workload = workloads.find((each) => each.name === name && each.namespace === namespace);
          return workload ? (
            <Details workload={workload} />
          ) : (
            <Empty title={`There is no workload ${name} in the namespace ${namespace}.`} />
          );
        }}
      </Await>
    </>
  );
}

function Details({ workload }: { workload: Workload }) {
  const { namespace, kind, name, version, replicas } = workload;
  const [chosen, setChosen] = useState<string>();
  const target = chosen ?? String(replicas);
  const params = { namespace, workload: name };
  return (
    <>
      <p class="row act-status">
        <Ready workload={workload} />
        <span class="soft">
          {kind} in {namespace}
          {version && `, version ${version}`}, {restarts(workload)} restarts
        </span>
      </p>
      <div class="row act-form card">
        <NumberField label="Pods" value={target} min={0} max={10} onChange={setChosen} />
        <Act
          act="scale"
          params={{ ...params, replicas: target }}
          title={`Scale ${name} to ${target}`}
          label="Scale"
          disabled={target === String(replicas)}
          danger={target === "0"}
        />
        <Act act="restart" params={params} title={`Restart ${name}`} label="Restart" />
        {namespace === "shop" && name === workload.app && (
          <span class="row act-push">
            <a href={`/act?show=chaos&service=${name}`}>Chaos experiments with {name}</a>
            <a href={`/?node=${name}`}>In the topology</a>
          </span>
        )}
      </div>
      <h2 class="act-next">Pods</h2>
      {workload.pods.length > 0 ? (
        workload.pods.map((pod) => <PodCard key={pod.name} pod={pod} params={params} />)
      ) : (
        <Empty title="There is no Pod." />
      )}
    </>
  );
}

function PodCard({ pod, params }: { pod: Pod; params: Record<string, string> }) {
  const of = { ...params, pod: pod.name };
  const isEnding = pod.state === "Terminating";
  return (
    <section class="card act-pod" aria-label={pod.name}>
      <div class="row between">
        <h3>{pod.name}</h3>
        <Act
          act="delete-pod"
          params={of}
          title={`Delete ${pod.name}`}
          label="Delete Pod"
          name={`Delete Pod ${pod.name}`}
          disabled={isEnding}
          danger
        />
      </div>
      <p class="row">
        <span class={`badge ${pod.ready && !isEnding ? "good" : "warn"}`}>
          {isEnding ? "Terminating" : pod.ready ? "Ready" : pod.state === "Running" ? "not ready" : pod.state}
        </span>
        <span class="soft small">
          {pod.address} {pod.version && `· ${pod.version} `}· since {date(pod.created)}
        </span>
      </p>
      <div class="scroll">
        <table class="act-table">
          <thead>
            <tr>
              <th scope="col">Container</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Restarts
              </th>
              <th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            {pod.containers.map(({ name, ready, restarts: count, state }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  {state}
                  {state === "Running" && !ready && ", not ready"}
                </td>
                <td class="number">{count}</td>
                <td>
                  <Act
                    act="kill"
                    params={{ ...of, container: name }}
                    title={`Kill ${name} in ${pod.name}`}
                    label="Kill"
                    name={`Kill ${name} in ${pod.name}`}
                    disabled={isEnding || state !== "Running"}
                    danger
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
