// The steps of the saga, the events and their consumers, by time.
import { flagMeaning } from "../topology/figures.ts";
import { clock, elapsed } from "./format.ts";
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

const CALLS = new Set(["preparation", "step", "repeated", "undo"]);
const METRICS_SECONDS = 30;
const TOPOLOGY_SECONDS = 3600;
/** A pause of at least this many seconds begins a new group. */
const PAUSE_SECONDS = 1;

/** The timeline, in groups. The first column is the time since the group began. */
export function Timeline({ entries }: { entries: readonly Entry[] }) {
  let start = entries[0]?.time ?? 0;
  let last = start;
  return (
    <ol class="timeline">
      {entries.flatMap((entry) => {
        const pause = entry.time - last;
        last = Math.max(last, entry.time + (entry.seconds ?? 0));
        const rows = [];
        if (pause >= PAUSE_SECONDS) {
          start = entry.time;
          rows.push(
            <li key={`pause ${keyOf(entry)}`} class="timeline-pause">
              {elapsed(pause)} later
            </li>,
          );
        }
        rows.push(<Row key={keyOf(entry)} entry={entry} start={start} />);
        return rows;
      })}
    </ol>
  );
}

function Row({ entry, start }: { entry: Entry; start: number }) {
  return (
    <li class={`timeline-entry kind-${entry.kind} ${entry.failed ? "is-failed" : ""}`}>
      <time class="timeline-time" dateTime={new Date(entry.time * 1000).toISOString()} title={clock(entry.time)}>
        +{elapsed(entry.time - start)}
      </time>
      <div class="timeline-what">
        <span class="timeline-kind">{WORDS[entry.kind]?.(entry) ?? entry.kind}</span> <Title entry={entry} />{" "}
        {entry.result && entry.result !== "OK" && <span class="badge bad">{entry.result}</span>}{" "}
        {entry.attempts > 1 && <span class="badge warn">{entry.attempts} attempts</span>}
        {entry.flags.length > 0 && (
          <span class="timeline-note">
            Its proxy: {entry.flags.map((flag) => `${flagMeaning(flag)} (${flag})`).join(", ")}
          </span>
        )}
        {entry.note && <span class="timeline-note">{entry.note}</span>}
      </div>
      <span class="timeline-took">{entry.seconds === null ? "" : elapsed(entry.seconds)}</span>
    </li>
  );
}

/** What happened. A call leads to its edge in the topology, at that time. */
function Title({ entry }: { entry: Entry }) {
  const { kind, service, title, time } = entry;
  if (kind === "state") {
    return <span class={`badge ${colourOf(title)}`}>{title}</span>;
  }
  if (CALLS.has(kind)) {
    return (
      <a class="timeline-title" href={`/?edge=orders~${service}${atOf(time)}`}>
        {title}
      </a>
    );
  }
  return <span class="timeline-title">{title}</span>;
}

/** The time of a call in the address of the topology, which has the last hour. Metrics have the call some seconds later. */
function atOf(time: number): string {
  const [at, now] = [Math.floor(time) + METRICS_SECONDS, Date.now() / 1000];
  return at < now && at > now - TOPOLOGY_SECONDS ? `&at=${at}` : "";
}

function keyOf({ time, kind, service, title }: Entry): string {
  return `${time} ${kind} ${service} ${title}`;
}
