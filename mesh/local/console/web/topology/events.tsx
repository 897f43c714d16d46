// The events of an edge: their types, how late they are, and what could not be processed.

import { duration } from "../format.ts";
import type { Stream } from "./api.ts";

/** The types of the events, with what has become of them. */
export function Events({ stream }: { stream: Stream }) {
  const { types, outbox, p99_delay_milliseconds: delay, dead_letters: dead } = stream;
  return (
    <>
      {(outbox !== null || delay !== null || dead !== null) && (
        <p class="row topology-facts">
          {outbox !== null && <span class={`badge ${outbox ? "warn" : "good"}`}>{outbox} in the outbox</span>}
          {delay !== null && <span class="badge">p99 of the delay {duration(delay)}</span>}
          {dead !== null && <span class={`badge ${dead ? "bad" : "good"}`}>{dead} dead letters</span>}
        </p>
      )}
      <h3>
        {types.length} {types.length === 1 ? "type" : "types"} of events that are declared here
      </h3>
      <ul class="topology-methods">
        {types.map(({ name, by_outcome }) => (
          <li key={name}>
            <p>{name}</p>
            <p class="row topology-facts">
              {Object.entries(by_outcome).map(([outcome, count]) => (
                <span key={outcome} class={`badge ${outcome === "duplicate" || outcome === "ignored" ? "" : "good"}`}>
                  {outcome} {count}
                </span>
              ))}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
