// The records of all services about an order, and whether they balance.
import { clock, money } from "./format.ts";
import { type Books, type LedgerRecord, valueName } from "./story.ts";

const VERDICTS = {
  BALANCED: { text: "The books balance.", colour: "good" },
  UNSETTLED: { text: "Not settled yet: the order or its events are on their way.", colour: "warn" },
  UNBALANCED: { text: "The books do not balance.", colour: "bad" },
};
/** Kind of a record → the service that has it. */
const SERVICES: Readonly<Record<string, string>> = {
  reservations: "inventory",
  payments: "payments",
  shipments: "shipping",
  notifications: "notifications",
  sales: "analytics",
};

export function Ledger({ books, pending, onReload }: { books: Books; pending: boolean; onReload: () => void }) {
  const { text, colour } = VERDICTS[books.verdict];
  const mismatches = books.checks.flatMap(({ check, mismatches: found }) => found.map((each) => ({ check, ...each })));
  return (
    <>
      <p class={`notice ${colour}`}>{text}</p>
      {Object.entries(books.unread).map(([kind, error]) => (
        <p key={kind} class="notice warn small">
          {kind} could not be read: {error}
        </p>
      ))}
      {mismatches.length > 0 && (
        <ul class="story-mismatches small">
          {mismatches.map(({ check, name, expected, actual }) => (
            <li key={`${check} ${name}`}>
              <b>{check}</b>: {name}: expected {expected}; found {actual}
            </li>
          ))}
        </ul>
      )}
      <ul class="story-records">
        {Object.entries(books.records).flatMap(([kind, records]) =>
          records.map((record) => <Row key={record.name} kind={kind} record={record} />),
        )}
      </ul>
      <details class="small">
        <summary>
          {books.checks.length} checks of <code>mesh ledger</code>
        </summary>
        <dl class="story-facts">
          {books.checks.flatMap(({ check, figures, mismatches: found }) => [
            <dt key={check}>{check}</dt>,
            <dd key={`${check}-figures`}>
              {figures} {found.length > 0 && <span class="badge bad">fails</span>}
            </dd>,
          ])}
        </dl>
      </details>
      {books.verdict !== "BALANCED" && (
        <button class="button quiet" type="button" aria-disabled={pending} onClick={() => pending || onReload()}>
          {pending ? "Reading …" : "Read again"}
        </button>
      )}
    </>
  );
}

function Row({ kind, record }: { kind: string; record: LedgerRecord }) {
  const amount = record.amount ?? record.price ?? record.total;
  const pieces = record.pieces ?? record.lines?.reduce((sum, { quantity }) => sum + quantity, 0);
  const time = record.update_time ?? record.create_time ?? record.event_time;
  return (
    <li>
      <span>
        <span class="story-record-service">{SERVICES[kind]}</span>{" "}
        <span class="badge">{valueName(record.state ?? record.kind)}</span>
      </span>
      <span class="price">
        {money(amount)}
        {!amount && pieces !== undefined && `${pieces} ${pieces === 1 ? "piece" : "pieces"}`}
      </span>
      <span class="soft small story-record-name">{record.name}</span>
      {time && <time class="soft small">{clock(time)}</time>}
    </li>
  );
}
