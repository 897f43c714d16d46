// All edges as a table: the same as the picture, for screen readers and phones.

import { duration } from "../format.ts";
import { toEdge } from "./address.ts";
import type { Edge, Graph } from "./api.ts";
import { edgeLevel, rate, share, TRANSPORTS, title } from "./figures.ts";

const WORDS = { calls: "calls", pages: "pages, reflection", publishes: "publishes", consumes: "consumed by" };

/** The edges, those with traffic first. */
export function EdgeTable({ graph, query }: { graph: Graph; query: URLSearchParams }) {
  const selected = query.get("edge");
  const rows = graph.edges.toSorted((one, other) => Number(Boolean(other.count)) - Number(Boolean(one.count)));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Table of all edges">
      <table class="topology-table">
        <thead>
          <tr>
            <th scope="col">Edge</th>
            <th scope="col" class="wide">
              Kind
            </th>
            <th scope="col" class="number">
              Rate
            </th>
            <th scope="col" class="number">
              Errors
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col" class="number wide">
              Lag
            </th>
            <th scope="col" class="wide">
              Connection
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((edge) => (
            <Row key={edge.id} edge={edge} href={toEdge(query, edge.id)} current={edge.id === selected} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ edge, href, current }: { edge: Edge; href: string; current: boolean }) {
  const level = edgeLevel(edge);
  const isCalls = edge.kind === "calls";
  return (
    <tr class={current ? "current" : ""} data-row={edge.id}>
      <th scope="row">
        <a href={href} aria-current={current ? "true" : undefined}>
          <Name text={title(edge.source)} /> → <Name text={title(edge.target)} />
        </a>
      </th>
      <td class="wide">{WORDS[edge.kind]}</td>
      <td class="number">{rate(edge.per_second) || "–"}</td>
      <td class={`number ${level}`}>{isCalls ? share(edge.failed, edge.count) : "–"}</td>
      <td class="number">{duration(edge.p99_milliseconds)}</td>
      <td class="number wide">{edge.lag ?? "–"}</td>
      <td class="wide">{edge.transport ? TRANSPORTS[edge.transport] : "–"}</td>
    </tr>
  );
}

/** A name that breaks after its dots. */
function Name({ text }: { text: string }) {
  return (
    <>
      {text.split(/(?<=\.)/).map((part) => (
        <span key={part}>
          {part}
          <wbr />
        </span>
      ))}
    </>
  );
}
