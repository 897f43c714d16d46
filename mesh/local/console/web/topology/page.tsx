// The live topology: who calls whom, how often, how well.
import { Await, navigate, useTitle } from "@shop/kit";
import { useEffect, useRef } from "preact/hooks";
import { useApi } from "../api.ts";
import type { PageProps } from "../pages.ts";
import { addressWith } from "./address.ts";
import type { Alert, Graph } from "./api.ts";
import { EdgePanel } from "./edge-panel.tsx";
import { rate, title } from "./figures.ts";
import { Lock } from "./lock.tsx";
import { NodePanel } from "./node-panel.tsx";
import { Picture } from "./picture.tsx";
import { clock, TimeSlider } from "./slider.tsx";
import { EdgeTable } from "./table.tsx";
import "./topology.css";

/** How often the page asks for new figures. */
export const REFRESH_MS = 5000;

/** The page of the topology. */
export function TopologyPage({ query }: PageProps) {
  useTitle("Topology");
  const at = query.get("at") ?? "";
  const call = useApi<Graph>(`/api/topology${at && `?at=${at}`}`, { every: at ? undefined : REFRESH_MS });
  // While another time is read, the last one stays.
  const last = useRef<Graph>(undefined);
  if (call.result) {
    last.current = call.result;
  }
  const shown = call.error ? call : { ...call, result: call.result ?? last.current };
  const edge = query.get("edge");
  const node = query.get("node");
  return (
    <>
      <div class="row between topology-head">
        <h1>Topology</h1>
        <TimeSlider graph={shown.result} query={query} />
      </div>
      <Await call={shown}>
        {(graph) => (
          <>
            <Notices graph={graph} />
            <div class={`topology-columns ${edge || node ? "with-panel" : ""}`}>
              <div class="card topology-card">
                <Picture graph={visible(graph, query)} query={query} />
                <Legend graph={graph} query={query} />
              </div>
              {(edge || node) && (
                <Panel key={edge ?? node} query={query}>
                  {edge ? (
                    <EdgePanel edge={edge} at={at} />
                  ) : (
                    <NodePanel node={node ?? ""} at={at} query={query} graph={graph} />
                  )}
                </Panel>
              )}
            </div>
            <section class="card topology-list" aria-labelledby="topology-edges">
              <h2 id="topology-edges">All edges</h2>
              <EdgeTable graph={graph} query={query} />
            </section>
          </>
        )}
      </Await>
    </>
  );
}

/** Without jobs, unless they are wanted: they rarely run, and each calls almost every service. */
function visible(graph: Graph, query: URLSearchParams): Graph {
  const chosen = [query.get("node"), ...(query.get("edge") ?? "").split("~")];
  const hidden = new Set(
    graph.nodes
      .filter(({ kind, name }) => kind === "job" && !query.get("jobs") && !chosen.includes(name))
      .map(({ name }) => name),
  );
  return {
    ...graph,
    nodes: graph.nodes.filter(({ name }) => !hidden.has(name)),
    edges: graph.edges.filter(({ source, target }) => !hidden.has(source) && !hidden.has(target)),
  };
}

function Notices({ graph }: { graph: Graph }) {
  return (
    <div aria-live="polite">
      {!graph.live && (
        <p class="notice warn">
          This is {clock(graph.at)}: rates, errors, Pods and alerts of that time. No metric has the number of Pods that
          there should be, the locks, and the rules of the proxies; they are known only for now.
        </p>
      )}
      {graph.alerts.length > 0 && <p class="notice bad">The mesh: {graph.alerts.map(alertName).join(", ")}</p>}
      {graph.undeclared.map(({ caller, service, count, refused }) => (
        <p key={`${caller}~${service}`} class="notice bad">
          {title(caller)} calls {title(service)} {rate(count / graph.window_seconds)}, which no service.yaml declares.{" "}
          {refused === count ? "All of it was refused." : `${count - refused} of ${count} calls were not refused.`}
        </p>
      ))}
    </div>
  );
}

function alertName({ name, severity }: Alert): string {
  return `${name} (${severity})`;
}

/** The details of an edge or a node, with a link that closes them. Escape closes them, too. */
function Panel({ query, children }: { query: URLSearchParams; children: preact.ComponentChildren }) {
  const panel = useRef<HTMLElement>(null);
  const close = addressWith(query, { edge: "", node: "" });
  // On a narrow screen the panel is below the picture.
  useEffect(() => panel.current?.scrollIntoView({ block: "nearest" }), []);
  useEffect(() => {
    const onKey = ({ key }: KeyboardEvent) => {
      if (key === "Escape") {
        navigate(close);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [close]);
  return (
    <aside class="card topology-panel" ref={panel} aria-label="Details">
      <a class="topology-close" href={close} aria-label="Close the details">
        ×
      </a>
      {children}
    </aside>
  );
}

function Legend({ graph, query }: { graph: Graph; query: URLSearchParams }) {
  const jobs = graph.nodes.filter(({ kind }) => kind === "job");
  const all = Boolean(query.get("jobs"));
  return (
    <div class="topology-legend small soft">
      <span>
        <Sample kind="good" /> calls
      </span>
      <span>
        <Sample kind="event" /> events
      </span>
      <span>
        <Sample kind="warn" /> refused, or some fail
      </span>
      <span>
        <Sample kind="bad" /> 1 % fail
      </span>
      <span>
        <Key closed /> mutual TLS
      </span>
      <span>
        <Key closed={false} /> not mutual TLS
      </span>
      <span>Figures: the last minute; with calls, p99</span>
      {jobs.length > 0 && (
        <a href={addressWith(query, { jobs: all ? "" : "1" })}>
          {all ? "Hide" : "Show"} {jobs.map(({ name }) => name).join(", ")}
        </a>
      )}
    </div>
  );
}

function Sample({ kind }: { kind: string }) {
  return (
    <svg class="topology-sample" width="28" height="10" viewBox="0 0 28 10" aria-hidden="true">
      <g class={`edge ${kind === "event" ? "good event" : kind}`}>
        <path class="edge-line" d="M1,5H27" stroke-width="2.5" />
      </g>
    </svg>
  );
}

function Key({ closed }: { closed: boolean }) {
  return (
    <svg class="topology-sample" width="12" height="13" viewBox="0 0 12 13" aria-hidden="true">
      <Lock x={1} y={0.5} closed={closed} />
    </svg>
  );
}
