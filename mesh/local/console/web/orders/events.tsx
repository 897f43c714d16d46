// The events of an order: when each was published, and which consumers have processed it when.
import { Skeleton } from "@shop/kit";
import { clock, elapsed } from "./format.ts";
import type { Entry, PublishedEvent } from "./story.ts";

export function Events({
  entries,
  recorded,
  pending,
}: {
  entries: readonly Entry[];
  recorded: readonly PublishedEvent[] | null | undefined;
  pending: boolean;
}) {
  const published = entries.filter(({ kind }) => kind === "published");
  if (published.length === 0) {
    return pending ? <Skeleton /> : <p class="soft">{recorded === null ? "This mesh has no Kafka." : "None yet."}</p>;
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Events of the order">
      <table class="story-table">
        <thead>
          <tr>
            <th scope="col">Event</th>
            <th scope="col">Place in Kafka</th>
            <th scope="col">Published</th>
            <th scope="col">Processed by</th>
          </tr>
        </thead>
        <tbody>
          {published.map((event) => (
            <tr key={event.key}>
              <td class="timeline-title">{event.title}</td>
              <td class="soft">{event.note}</td>
              <td class="story-time">{clock(event.time)}</td>
              <td>
                <Consumers event={event} entries={entries} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Consumers({ event, entries }: { event: Entry; entries: readonly Entry[] }) {
  const id = event.key.replace(/^published\//, "");
  const processed = entries.filter(({ kind, key }) => kind === "processed" && key.startsWith(`processed/${id}/`));
  if (processed.length === 0) {
    return <span class="soft">no consumer yet</span>;
  }
  return (
    <ul class="story-consumers">
      {processed.map(({ service, time, failed }) => (
        <li key={service}>
          <span class={`badge ${failed ? "bad" : ""}`}>{service}</span>{" "}
          <span class="soft small">+{elapsed(Math.max(0, time - event.time))}</span>
        </li>
      ))}
    </ul>
  );
}
