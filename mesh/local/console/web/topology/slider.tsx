// The time: now, or one of the last hour.
import { navigate } from "@shop/kit";
import { useEffect, useRef, useState } from "preact/hooks";
import { useApi } from "../api.ts";
import { addressWith } from "./address.ts";
import type { Graph, History } from "./api.ts";

const SPAN_SECONDS = 3600;
const STEP_SECONDS = 15;
/** A drag goes over many times; only where it rests is shown. */
const REST_MS = 200;
const HISTORY_MS = 30_000;
const HEIGHT = 28;

/** A slider over the last hour, with the calls of that time behind it. */
export function TimeSlider({ graph, query }: { graph: Graph | undefined; query: URLSearchParams }) {
  const history = useApi<History>("/api/topology/history", { every: HISTORY_MS }).result;
  const chosen = query.get("at");
  const now = Math.floor(Date.now() / 1000);
  const past = chosen ? Math.max(-SPAN_SECONDS, Math.min(0, Number(chosen) - now)) : 0;
  const [dragged, setDragged] = useState<number>();
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(rest.current), []);

  const go = (seconds: number) => {
    setDragged(seconds);
    clearTimeout(rest.current);
    rest.current = setTimeout(() => {
      const at = seconds >= 0 ? "" : String(Math.floor(Date.now() / 1000) + seconds);
      navigate(addressWith(query, { at }), { replace: true });
      setDragged(undefined);
    }, REST_MS);
  };
  const shown = dragged ?? past;
  const text = shown >= 0 ? "now" : `${clock(now + shown)}, ${ago(-shown)} ago`;

  return (
    <div class="topology-time">
      <p class="topology-clock">
        {chosen ? (
          <span class="badge warn">{text}</span>
        ) : (
          <span class="badge good">
            <span class="live-dot" aria-hidden="true" /> Live
          </span>
        )}
        {graph && !chosen && <span class="soft small"> {clock(graph.at)}</span>}
      </p>
      <div class="topology-track">
        {history && <Bars history={history} />}
        <input
          type="range"
          aria-label="Time within the last hour"
          aria-valuetext={text}
          min={-SPAN_SECONDS}
          max={0}
          step={STEP_SECONDS}
          value={shown}
          onInput={(event) => go(Number(event.currentTarget.value))}
        />
        <div class="topology-scale soft small" aria-hidden="true">
          <span>1 h ago</span>
          <span>30 min</span>
          <span>now</span>
        </div>
      </div>
      {chosen && (
        <button
          type="button"
          class="button quiet"
          onClick={() => navigate(addressWith(query, { at: "" }), { replace: true })}
        >
          Back to now
        </button>
      )}
    </div>
  );
}

/** The calls of each minute; red is the part that failed, and a dot an alert. */
function Bars({ history }: { history: History }) {
  const most = Math.max(1, ...history.moments.map(({ calls }) => calls));
  const width = 100 / history.moments.length;
  return (
    <svg class="topology-bars" viewBox={`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {history.moments.map(({ time, calls, failed, alerts }, index) => {
        const all = (calls / most) * (HEIGHT - 4);
        const bad = (failed / most) * (HEIGHT - 4);
        return (
          <g key={time}>
            <rect class="bar" x={index * width} y={HEIGHT - all} width={width * 0.8} height={all} />
            {failed > 0 && (
              <rect
                class="bar bad"
                x={index * width}
                y={HEIGHT - Math.max(2, bad)}
                width={width * 0.8}
                height={Math.max(2, bad)}
              />
            )}
            {alerts > 0 && <rect class="bar alert" x={index * width} y={0} width={width} height={2.5} />}
          </g>
        );
      })}
    </svg>
  );
}

export function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString();
}

function ago(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}
