// The picture of the graph.
import { useMemo } from "preact/hooks";
import { duration } from "../format.ts";
import { follow, toEdge, toNode } from "./address.ts";
import type { Edge, Graph, Node } from "./api.ts";
import { edgeLevel, nodeLevel, rate, replicas, share, TRANSPORTS, title, versions } from "./figures.ts";
import { type Box, curve, type Placed, place } from "./layout.ts";
import { Lock } from "./lock.tsx";

const LETTER_WIDTH = 6.7;
const LINE_HEIGHT = 14;
const LOCK_WIDTH = 14;
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
        {/* Above all lines, so that none crosses a figure. */}
        {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it can have the focus */}
        <g class="edge-labels" aria-hidden="true">
          {edges.map((edge) => (
            <Label key={edge.id} edge={edge} placed={placed} state={stateOf(edge, selected, node)} />
          ))}
        </g>
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

type LineProps = { edge: Edge; placed: Placed; query: URLSearchParams; state: string };

function Line({ edge, placed, query, state }: LineProps) {
  const path = curve(placed.edges.get(edge.id)?.points ?? []);
  const box = labelBox(edge, placed);
  const to = toEdge(query, edge.id);
  const width = { strokeWidth: strokeOf(edge.per_second) };
  return (
    <a href={to} class={classOf(edge, state)} data-edge={edge.id} onClick={(click) => follow(click, to)}>
      <title>{spoken(edge)}</title>
      <path class="edge-target" d={path} />
      {box && <rect class="edge-target-label" {...box} />}
      <path class="edge-line" d={path} style={width} marker-end={`url(#arrow-${arrowOf(edge)})`} />
      {edge.count ? (
        <path class="edge-flow" d={path} style={{ animationDuration: `${flowOf(edge.per_second)}s` }} />
      ) : null}
    </a>
  );
}

/** The figures of an edge: what there is to say, and no more. The line has the same in words, and its link. */
function Label({ edge, placed, state }: Omit<LineProps, "query">) {
  const box = labelBox(edge, placed);
  if (!box) {
    return null;
  }
  const lines = linesOf(edge);
  const lock = edge.transport ? LOCK_WIDTH : 0;
  return (
    <g class={classOf(edge, state)} data-label={edge.id}>
      <g class="edge-label" transform={`translate(${box.x} ${box.y})`}>
        {lines.length > 0 && <rect width={box.width} height={box.height} rx="6" />}
        {lock > 0 && <Lock x={lines.length > 0 ? 6 : 2} y={box.height / 2 - 6} closed={edge.transport === "mutual"} />}
        {lines.map((line, index) => (
          <text key={index} x={lock + 6} y={14 + index * LINE_HEIGHT}>
            {line}
          </text>
        ))}
      </g>
    </g>
  );
}

/** Where the figures of an edge are; undefined if it has none. */
function labelBox(edge: Edge, placed: Placed): Box | undefined {
  const lines = linesOf(edge);
  const at = placed.edges.get(edge.id)?.label;
  if (!at || (lines.length === 0 && !edge.transport)) {
    return undefined;
  }
  const text = Math.max(0, ...lines.map((line) => line.length * LETTER_WIDTH + 12));
  const width = text + (edge.transport ? LOCK_WIDTH : 0);
  const height = Math.max(12, lines.length * LINE_HEIGHT + 6);
  return { x: at.x - width / 2, y: at.y - height / 2, width, height };
}

function isEvent({ kind }: Edge): boolean {
  return kind === "publishes" || kind === "consumes";
}

function classOf(edge: Edge, state: string): string {
  return `edge ${edgeLevel(edge)} ${isEvent(edge) ? "event" : ""} ${state}`;
}

function arrowOf(edge: Edge): string {
  const level = edgeLevel(edge);
  return level === "good" && isEvent(edge) ? "event" : level;
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
