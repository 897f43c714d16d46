// The picture of the graph.
import { useMemo } from "preact/hooks";
import { follow, toEdge, toNode } from "./address.ts";
import type { Edge, Graph, Node } from "./api.ts";
import { duration, edgeLevel, nodeLevel, rate, replicas, share, TRANSPORTS, title, versions } from "./figures.ts";
import { type Box, curve, type Placed, type Point, place } from "./layout.ts";
import { Lock } from "./lock.tsx";

const MIN_STROKE = 1.5;
const MAX_STROKE = 5;
/** How long a dot takes along 24 units of an edge: fast if there is much to carry. */
const SLOW_SECONDS = 2.4;
const FAST_SECONDS = 0.5;

/** The graph, with links to the details of each node and edge. */
export function Picture({ graph, query }: { graph: Graph; query: URLSearchParams }) {
  const { nodes, edges } = graph;
  const structure = `${nodes.map(({ name }) => name).join()};${edges.map(({ id }) => id).join()}`;
  const placed = useMemo(() => place(nodes, edges), [structure]);
  const selected = query.get("edge") ?? "";
  const node = query.get("node") ?? "";
  return (
    <div class="topology-picture scroll" tabIndex={0} role="region" aria-label="Picture of the mesh">
      <svg
        viewBox={`0 0 ${placed.width} ${placed.height}`}
        width={placed.width}
        height={placed.height}
        role="group"
        aria-label="Services and what goes between them"
      >
        <defs>
          {["idle", "good", "warn", "bad", "event"].map((level) => (
            <marker
              key={level}
              id={`arrow-${level}`}
              class={`arrow ${level}`}
              viewBox="0 0 10 10"
              refX="8"
              refY="5"
              markerUnits="userSpaceOnUse"
              markerWidth="11"
              markerHeight="11"
              orient="auto"
            >
              <path d="M0,1 L9,5 L0,9 Z" />
            </marker>
          ))}
        </defs>
        {edges.map((edge) => (
          <Line key={edge.id} edge={edge} placed={placed} query={query} state={stateOf(edge, selected, node)} />
        ))}
        {nodes.map((each) => (
          <Card
            key={each.name}
            node={each}
            box={placed.nodes.get(each.name)}
            query={query}
            selected={each.name === node}
          />
        ))}
      </svg>
    </div>
  );
}

function stateOf(edge: Edge, selected: string, node: string): string {
  if (edge.id === selected || (node && (edge.source === node || edge.target === node))) {
    return "selected";
  }
  return selected || node ? "aside" : "";
}

function Line({ edge, placed, query, state }: { edge: Edge; placed: Placed; query: URLSearchParams; state: string }) {
  const course = placed.edges.get(edge.id);
  if (!course) {
    return null;
  }
  const level = edgeLevel(edge);
  const event = edge.kind === "publishes" || edge.kind === "consumes";
  const path = curve(course.points);
  const to = toEdge(query, edge.id);
  return (
    <a
      href={to}
      class={`edge ${level} ${event ? "event" : ""} ${state}`}
      data-edge={edge.id}
      onClick={(click) => follow(click, to)}
    >
      <title>{spoken(edge)}</title>
      <path class="edge-target" d={path} />
      <path
        class="edge-line"
        d={path}
        style={{ strokeWidth: strokeOf(edge.per_second) }}
        marker-end={`url(#arrow-${level === "good" && event ? "event" : level})`}
      />
      {edge.count ? (
        <path class="edge-flow" d={path} style={{ animationDuration: `${flowOf(edge.per_second)}s` }} />
      ) : null}
      <Label edge={edge} at={course.label} />
    </a>
  );
}

/** The figures of an edge: what there is to say, and no more. */
function Label({ edge, at }: { edge: Edge; at: Point }) {
  const lines = linesOf(edge);
  const closed = edge.transport === "mutual";
  if (lines.length === 0) {
    return edge.transport ? <Lock x={at.x - 5} y={at.y - 6} closed={closed} /> : null;
  }
  const width = Math.max(...lines.map((line) => line.length)) * 6.4 + (edge.transport ? 26 : 12);
  const height = lines.length * 14 + 6;
  return (
    <g class="edge-label" transform={`translate(${at.x - width / 2} ${at.y - height / 2})`}>
      <rect width={width} height={height} rx="6" />
      {edge.transport && <Lock x={6} y={height / 2 - 6} closed={closed} />}
      {lines.map((line, index) => (
        <text key={index} x={edge.transport ? 20 : 6} y={14 + index * 14}>
          {line}
        </text>
      ))}
    </g>
  );
}

function linesOf(edge: Edge): string[] {
  const lag = edge.lag ? [`lag ${edge.lag}`] : [];
  if (!edge.count) {
    return lag;
  }
  const trouble = edge.failed ? [`${share(edge.failed, edge.count)} fail`] : [];
  const refused = !edge.failed && edge.refused ? [`${share(edge.refused, edge.count)} refused`] : [];
  const latency = edge.p99_milliseconds === null ? [] : [duration(edge.p99_milliseconds)];
  return [
    rate(edge.per_second),
    [...trouble, ...refused, ...lag, ...(trouble.length + refused.length ? [] : latency)].join(" "),
  ].filter(Boolean);
}

function Card({
  node,
  box,
  query,
  selected,
}: {
  node: Node;
  box: Box | undefined;
  query: URLSearchParams;
  selected: boolean;
}) {
  if (!box) {
    return null;
  }
  const { width, height } = box;
  const to = toNode(query, node.name);
  const detail = node.kind === "topic" ? "Kafka topic" : [versions(node), replicas(node)].filter(Boolean).join(" · ");
  const hasDatabase = node.owns.length > 0;
  return (
    <a
      href={to}
      class={`node ${node.kind} ${nodeLevel(node)} ${selected ? "selected" : ""}`}
      data-node={node.name}
      onClick={(click) => follow(click, to)}
    >
      <title>{spokenNode(node)}</title>
      <g transform={`translate(${box.x - width / 2} ${box.y - height / 2})`}>
        <rect
          class="node-box"
          width={width}
          height={height}
          rx={node.kind === "topic" || node.kind === "gateway" ? 25 : 9}
        />
        <circle class="node-state" cx="17" cy="25" r="4.5" />
        <text class="node-name" x="30" y="22">
          {title(node.name)}
        </text>
        <text class="node-detail" x="30" y="38">
          {detail || (node.kind === "job" ? "job, idle" : "no Pod")}
        </text>
        {node.alerts.length > 0 && (
          <g class="node-alert" transform={`translate(${width - 16} 6)`}>
            <circle r="10" cx="4" cy="4" />
            <text x="4" y="8">
              {node.alerts.length}
            </text>
          </g>
        )}
        {hasDatabase && <DatabaseLine node={node} y={50} width={width} />}
      </g>
    </a>
  );
}

function DatabaseLine({ node, y, width }: { node: Node; y: number; width: number }) {
  const { database } = node;
  const troubled = database && (database.failures > 0 || database.waiting > 0);
  const text = database ? `${database.engine} ${rate(database.transactions / 60)}` : "database";
  return (
    <g class={`node-database ${troubled ? "warn" : ""}`} transform={`translate(0 ${y})`}>
      <path class="node-divider" d={`M0,0H${width}`} />
      <path class="node-cylinder" d="M12,7v9c0,2 10,2 10,0v-9M12,7c0,2 10,2 10,0c0,-2 -10,-2 -10,0" />
      <text x="30" y="16">
        {troubled
          ? `${text} · ${database.failures ? `${database.failures} failed` : `${database.waiting} wait`}`
          : text}
      </text>
    </g>
  );
}

/** What a screen reader says about an edge, and what a pointer on it shows. */
function spoken(edge: Edge): string {
  const what = { calls: "calls", pages: "requests", publishes: "events", consumes: "events" }[edge.kind];
  const parts = [`${title(edge.source)} to ${title(edge.target)}, ${what}`];
  if (edge.count !== null) {
    parts.push(`${rate(edge.per_second)}`);
  }
  if (edge.failed) {
    parts.push(`${share(edge.failed, edge.count)} failed`);
  }
  if (edge.lag) {
    parts.push(`${edge.lag} wait`);
  }
  if (edge.transport) {
    parts.push(TRANSPORTS[edge.transport]);
  }
  return parts.join(", ");
}

function spokenNode(node: Node): string {
  const alerts = node.alerts.map(({ name }) => `alert ${name}`);
  const pods = replicas(node);
  return [`${title(node.name)}, ${node.kind}`, versions(node), pods && `${pods} ready`, ...alerts]
    .filter(Boolean)
    .join(", ");
}

function strokeOf(perSecond: number | null): number {
  return Math.min(MAX_STROKE, MIN_STROKE + Math.log10(1 + (perSecond ?? 0) * 4));
}

/** Rounded, so that a small change of the rate does not start the motion again. */
function flowOf(perSecond: number | null): number {
  const busy = Math.min(1, Math.log10(1 + (perSecond ?? 0)) / 2);
  return Math.round((SLOW_SECONDS - busy * (SLOW_SECONDS - FAST_SECONDS)) * 5) / 5;
}
