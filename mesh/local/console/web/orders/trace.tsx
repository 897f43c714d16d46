// The traces of an order as waterfalls.
import { clock, elapsed } from "./format.ts";
import type { Bar, Waterfall } from "./story.ts";

const INDENT_REM = 0.75;

export function Trace({ traces }: { traces: readonly Waterfall[] }) {
  if (traces.length === 0) {
    return <p class="soft">No spans: they have not arrived yet, or the store of traces has dropped them.</p>;
  }
  return (
    <>
      {traces.map((trace) => (
        <figure key={trace.id} class="waterfall">
          <figcaption class="small">
            <span class="story-id">{trace.id}</span>{" "}
            <span class="soft">
              {clock(trace.start)} · {trace.bars.length} spans · {elapsed(trace.seconds)}
            </span>
          </figcaption>
          <div class="scroll" tabIndex={0} role="region" aria-label={`Spans of the trace ${trace.id}`}>
            <table class="waterfall-table">
              <thead>
                <tr>
                  <th scope="col">Service</th>
                  <th scope="col">Span</th>
                  <th scope="col" class="number">
                    Took
                  </th>
                  <th scope="col">When</th>
                </tr>
              </thead>
              <tbody>
                {trace.bars.map((bar, index) => (
                  <Row key={index} bar={bar} seconds={trace.seconds} />
                ))}
              </tbody>
            </table>
          </div>
        </figure>
      ))}
    </>
  );
}

function Row({ bar, seconds }: { bar: Bar; seconds: number }) {
  const share = (part: number) => `${((part / Math.max(seconds, 1e-6)) * 100).toFixed(3)}%`;
  const kind = bar.failed ? "failed" : bar.kind.toLowerCase();
  return (
    <tr class={bar.proxy ? "proxy" : ""}>
      <td>
        {bar.service}
        {bar.proxy && <span class="soft"> proxy</span>}
      </td>
      <td style={{ paddingLeft: `${bar.depth * INDENT_REM + 0.5}rem` }}>{bar.text}</td>
      <td class="number">{elapsed(bar.seconds)}</td>
      <td class="waterfall-when">
        <span class={`waterfall-bar ${kind}`} style={{ left: share(bar.start), width: share(bar.seconds) }} />
      </td>
    </tr>
  );
}
