// The steps of the saga, the events and their consumers, by time.
import { clock, duration } from "./format.ts";
import { colourOf, type Entry } from "./story.ts";

/** Kind of an entry → what it says in front of the title. */
const WORDS: Readonly<Record<string, (entry: Entry) => string>> = {
  request: () => "Request",
  recovery: () => "Recovery",
  preparation: ({ service }) => `Asks ${service}`,
  step: ({ service }) => `Calls ${service}`,
  repeated: ({ service }) => `Asks ${service} what it did`,
  undo: ({ service }) => `Undoes, at ${service}`,
  published: ({ service }) => `${service} publishes`,
  processed: ({ service }) => `${service} processes`,
  state: () => "State",
  note: () => "Note",
  record: ({ service }) => `Record of ${service}`,
};

/** The timeline. The first column is the time since the first entry. */
export function Timeline({ entries }: { entries: readonly Entry[] }) {
  const start = entries[0]?.time ?? 0;
  return (
    <ol class="timeline">
      {entries.map((entry) => (
        <li key={keyOf(entry)} class={`timeline-entry kind-${entry.kind} ${entry.failed ? "is-failed" : ""}`}>
          <time class="timeline-time" dateTime={new Date(entry.time * 1000).toISOString()} title={clock(entry.time)}>
            +{duration(entry.time - start)}
          </time>
          <div class="timeline-what">
            <span class="timeline-kind">{WORDS[entry.kind]?.(entry) ?? entry.kind}</span>{" "}
            {entry.kind === "state" ? (
              <span class={`badge ${colourOf(entry.title)}`}>{entry.title}</span>
            ) : (
              <span class="timeline-title">{entry.title}</span>
            )}{" "}
            {entry.result && entry.result !== "OK" && <span class="badge bad">{entry.result}</span>}{" "}
            {entry.attempts > 1 && <span class="badge warn">{entry.attempts} attempts</span>}
            {entry.note && <span class="timeline-note">{entry.note}</span>}
          </div>
          <span class="timeline-took">{entry.seconds === null ? "" : duration(entry.seconds)}</span>
        </li>
      ))}
    </ol>
  );
}

function keyOf({ time, kind, service, title }: Entry): string {
  return `${time} ${kind} ${service} ${title}`;
}
