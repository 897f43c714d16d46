// The details of a node: its Pods, its database, its alerts, and its edges.
import { Await } from "@shop/kit";
import { useApi } from "../api.ts";
import { Command } from "../command.tsx";
import { duration } from "../format.ts";
import { toEdge } from "./address.ts";
import type { Edge, Graph, Node, NodeDetail } from "./api.ts";
import { Links } from "./edge-panel.tsx";
import { mebibytes, nodeLevel, rate, replicas, title, versions } from "./figures.ts";
import { REFRESH_MS } from "./page.tsx";

/** The panel of a node, now or at an earlier time. */
export function NodePanel({
  node,
  at,
  query,
  graph,
}: {
  node: string;
  at: string;
  query: URLSearchParams;
  graph: Graph;
}) {
  const path = `/api/topology/nodes/${encodeURIComponent(node)}${at && `?at=${at}`}`;
  const call = useApi<NodeDetail>(path, { every: at ? undefined : REFRESH_MS });
  return <Await call={call}>{(detail) => <Details detail={detail} query={query} graph={graph} />}</Await>;
}

function Details({ detail, query, graph }: { detail: NodeDetail; query: URLSearchParams; graph: Graph }) {
  const { node, pods } = detail;
  const level = nodeLevel(node);
  const edges = graph.edges.filter(({ source, target }) => source === node.name || target === node.name);
  return (
    <>
      <h2>{title(node.name)}</h2>
      <p class="row topology-facts">
        <span class="badge">{node.kind === "topic" ? "Kafka topic" : node.kind}</span>
        {replicas(node) && <span class={`badge ${level === "idle" ? "" : level}`}>{replicas(node)} ready</span>}
        {versions(node) && <span class="badge">{versions(node)}</span>}
        {node.alerts.map(({ name, severity }) => (
          <span key={name} class="badge bad">
            {name} ({severity})
          </span>
        ))}
      </p>
      <h3>{node.kind === "topic" ? "Pods of the broker" : "Pods"}</h3>
      {pods.length === 0 ? (
        <p class="soft">None{detail.live ? "" : " that a metric shows"}.</p>
      ) : (
        <Pods detail={detail} />
      )}
      {node.owns.length > 0 && <DatabaseFacts node={node} />}
      <h3>Edges</h3>
      <ul class="topology-edges">
        {edges.map((edge) => (
          <li key={edge.id}>
            <a href={toEdge(query, edge.id)}>{edgeText(edge, node)}</a>{" "}
            <span class="soft small">{rate(edge.per_second)}</span>
          </li>
        ))}
      </ul>
      {node.kind !== "topic" && node.kind !== "job" && (
        <>
          <Command text={`kubectl get pods -n ${node.namespace} -l app=${node.name}`} />
          <p>
            <a href={`/act/workloads/${node.name}?namespace=${node.namespace}`}>Scale, restart, kill</a>
          </p>
        </>
      )}
      <Links links={detail.links} />
    </>
  );
}

function edgeText(edge: Edge, node: Node): string {
  return edge.source === node.name ? `→ ${title(edge.target)}` : `← ${title(edge.source)}`;
}

function Pods({ detail }: { detail: NodeDetail }) {
  return (
    <ul class="topology-pods">
      {detail.pods.map(({ pod, app_bytes, proxy_bytes }) => (
        <li key={pod.name}>
          <p>
            <b>{pod.name}</b>
          </p>
          <p class="row topology-facts">
            <span class={`badge ${pod.ready ? "good" : "bad"}`}>{pod.state}</span>
            {pod.version && <span class="badge">{pod.version}</span>}
            {pod.restarts !== null && (
              <span class={`badge ${pod.restarts ? "warn" : ""}`}>
                {pod.restarts} {pod.restarts === 1 ? "restart" : "restarts"}
              </span>
            )}
          </p>
          <p class="small soft">
            {app_bytes !== null && `app ${mebibytes(app_bytes)}, `}
            {proxy_bytes !== null && `Envoy ${mebibytes(proxy_bytes)}`}
            {pod.started && `, since ${new Date(pod.started).toLocaleTimeString()}`}
            {pod.address && `, ${pod.address}`}
          </p>
        </li>
      ))}
    </ul>
  );
}

function DatabaseFacts({ node }: { node: Node }) {
  const { database } = node;
  return (
    <>
      <h3>Database</h3>
      <p class="small">It owns {node.owns.map((type) => type.split("/")[1] ?? type).join(", ")}.</p>
      {database ? (
        <p class="row topology-facts">
          <span class="badge">{database.engine}</span>
          <span class="badge">{rate(database.transactions / 60)} transactions</span>
          <span class={`badge ${database.waiting ? "warn" : ""}`}>{database.waiting} wait</span>
          <span class="badge">p99 of the wait {duration(database.p99_milliseconds)}</span>
          {database.failures > 0 && <span class="badge bad">{database.failures} failed</span>}
        </p>
      ) : (
        <p class="soft">No metrics.</p>
      )}
    </>
  );
}
