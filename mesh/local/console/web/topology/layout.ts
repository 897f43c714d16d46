// Where nodes and edges are. It depends on the structure alone, so nothing moves while figures change.
import { Graph as Layout, layout } from "@dagrejs/dagre";
import type { Edge, Node } from "./api.ts";

export type Point = { x: number; y: number };
export type Box = Point & { width: number; height: number };
export type Placed = {
  width: number;
  height: number;
  nodes: ReadonlyMap<string, Box>;
  /** By edge: its course, and where its figures are. */
  edges: ReadonlyMap<string, { points: readonly Point[]; label: Point }>;
};

export const NODE_WIDTH = 148;
const NODE_HEIGHT = 50;
const DATABASE_HEIGHT = 24;
const TOPIC_WIDTH = 208;
/** Between the ends of two edges. */
const PORT_GAP = 15;
const LABEL = { width: 84, height: 36 };

/** Return the places of nodes and edges. */
export function place(nodes: readonly Node[], edges: readonly Edge[]): Placed {
  const graph = new Layout();
  graph.setGraph({
    rankdir: "LR",
    nodesep: 26,
    ranksep: 28,
    edgesep: 14,
    marginx: 8,
    marginy: 8,
    ranker: "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    graph.setNode(node.name, {
      width: node.kind === "topic" ? TOPIC_WIDTH : NODE_WIDTH,
      height: NODE_HEIGHT + (node.owns.length > 0 ? DATABASE_HEIGHT : 0),
    });
  }
  // A job that consumes events still stands where it calls from, so nothing goes in a circle.
  const jobs = new Set(nodes.filter(({ kind }) => kind === "job").map(({ name }) => name));
  const isBackward = ({ target }: Edge) => jobs.has(target);
  for (const edge of edges) {
    const { source, target } = isBackward(edge) ? { source: edge.target, target: edge.source } : edge;
    graph.setEdge(source, target, { ...LABEL, labelpos: "c", weight: edge.kind === "calls" ? 2 : 1 });
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const boxes = new Map(nodes.map(({ name }) => [name, graph.node(name) as Box]));
  const courses = edges.map((edge) => {
    const [left, right] = isBackward(edge) ? [edge.target, edge.source] : [edge.source, edge.target];
    const { points, x, y } = graph.edge(left, right) as unknown as { points: Point[]; x: number; y: number };
    return { edge, left, right, points, label: { x, y } };
  });
  for (const [name, { x, y, width: wide, height: high }] of boxes) {
    const of = (side: "left" | "right") => courses.filter((each) => each[side] === name).map(({ points }) => points);
    spread(of("left"), { x: x + wide / 2, y }, high, 0);
    spread(of("right"), { x: x - wide / 2, y }, high, -1);
  }
  for (const { edge, points } of courses) {
    if (isBackward(edge)) {
      points.reverse();
    }
  }
  const placed = new Map(courses.map(({ edge, points, label }) => [edge.id, { points, label }]));
  return { width, height, nodes: boxes, edges: placed };
}

/** Let courses start (index 0) or end (-1) side by side on one side of a node, in the order in which they come. */
function spread(courses: readonly Point[][], middle: Point, height: number, index: 0 | -1): void {
  const gap = Math.min(PORT_GAP, height / (courses.length + 1));
  const next = (points: readonly Point[]) => points.at(index === 0 ? 1 : -2)?.y ?? 0;
  for (const [rank, points] of courses.toSorted((one, other) => next(one) - next(other)).entries()) {
    points.splice(index, 1, { x: middle.x, y: middle.y + (rank - (courses.length - 1) / 2) * gap });
  }
}

/** A curve through all points that never turns back, as the attribute `d` of a path (monotone cubic interpolation). */
export function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) {
    return "";
  }
  const slopes = points.map((point, index) => slopeAt(points[index - 1], point, points[index + 1]));
  let path = `M${write(first)}`;
  let before = first;
  for (const [index, point] of rest.entries()) {
    const third = (point.x - before.x) / 3;
    const out = { x: before.x + third, y: before.y + third * (slopes[index] ?? 0) };
    const into = { x: point.x - third, y: point.y - third * (slopes[index + 1] ?? 0) };
    path += `C${write(out)} ${write(into)} ${write(point)}`;
    before = point;
  }
  return path;
}

/** Flat at the ends and at turns; else the gentler of both sides decides. */
function slopeAt(before: Point | undefined, { x, y }: Point, after: Point | undefined): number {
  if (!before || !after || before.x === x || after.x === x) {
    return 0;
  }
  const left = (y - before.y) / (x - before.x);
  const right = (after.y - y) / (after.x - x);
  return left * right <= 0
    ? 0
    : Math.sign(left) * Math.min(3 * Math.abs(left), 3 * Math.abs(right), Math.abs(left + right) / 2);
}

function write({ x, y }: Point): string {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
