// The story of one order. What the mesh has observed and what the services have recorded load separately.
import { Await, type Call, Empty, Skeleton, useTitle } from "@shop/kit";
import { useEffect, useRef, useState } from "preact/hooks";
import { useApi } from "../api.ts";
import { Command } from "../command.tsx";
import { date } from "../format.ts";
import type { PageProps } from "../pages.ts";
import { Events } from "./events.tsx";
import { money } from "./format.ts";
import { Ledger } from "./ledger.tsx";
import { Search } from "./list.tsx";
import { Log } from "./log.tsx";
import "./orders.css";
import { Contents } from "./contents.tsx";
import { Missing } from "./missing.tsx";
import { type Books, colourOf, merge, type Observed, stateIn, valueName } from "./story.ts";
import { Timeline } from "./timeline.tsx";
import { Trace } from "./trace.tsx";

const SIGNALS_MS = 2000;
const BOOKS_MS = 4000;
/** After so many readings without anything new, all signals of an order have arrived. */
const QUIET_READINGS = 2;

/** The page of one order. */
export function OrderPage({ params, query }: PageProps) {
  const id = params.id ?? "";
  useTitle(`Order ${id.slice(0, 8)}`);
  const [waiting, setWaiting] = useState(true);
  const observed = useApi<Observed>(`/api/orders/${id}/observed`, { every: waiting ? SIGNALS_MS : undefined });
  const [unsettled, setUnsettled] = useState(false);
  const books = useApi<Books | null>(`/api/orders/${id}/books`, { every: unsettled ? BOOKS_MS : undefined });
  const quiet = useQuietReadings(observed);
  const verdict = books.result?.verdict;
  const failed = books.error !== undefined;
  useEffect(() => {
    if (!books.pending) {
      setUnsettled(verdict === "UNSETTLED" || failed);
    }
  }, [verdict, failed, books.pending]);
  const signals = observed.result?.entries ?? [];
  const state = valueName(books.result?.order.state) || stateIn(signals);
  const isBalancing = verdict === undefined || verdict === "UNSETTLED" || failed;
  const isDone = !isBalancing && quiet >= QUIET_READINGS;
  useEffect(() => setWaiting(!isDone && books.result !== null), [isDone, books.result]);

  if (books.result === null && signals.length === 0) {
    return <Unknown id={id} />;
  }
  const entries = merge(signals, books.result?.entries ?? []);
  return (
    <>
      <div class="row between story-top">
        <div>
          <h1 class="row">Order {state && <span class={`badge ${colourOf(state)}`}>{state}</span>}</h1>
          <p class="story-id">{id}</p>
        </div>
        <Search />
      </div>
      <p class="visually-hidden" role="status">
        {isDone ? "The story is complete." : "The story is being read …"}
      </p>
      <Summary books={books.result} />
      <div class="columns wide-left">
        <section class="card" aria-labelledby="timeline">
          <div class="row between">
            <h2 id="timeline">What happened</h2>
            {!isDone && <span class="soft small">Waiting for more …</span>}
          </div>
          <Missing problems={observed.result?.problems} stores={["traces", "logs"]} />
          {entries.length > 0 ? <Timeline entries={entries} /> : <Pending call={observed} />}
        </section>
        <div class="story-side">
          <section class="card" aria-labelledby="contents">
            <h2 id="contents">The order</h2>
            <Await call={books} skeleton={<Skeleton lines={4} />}>
              {(found) => found && <Contents order={found.order} />}
            </Await>
          </section>
          <section class="card" aria-labelledby="ledger">
            <h2 id="ledger">Ledger</h2>
            <Await call={books} skeleton={<Skeleton lines={4} />}>
              {(found) => found && <Ledger books={found} onReload={books.reload} pending={books.pending} />}
            </Await>
          </section>
        </div>
      </div>
      <section class="card story-part" aria-labelledby="events">
        <h2 id="events">Events</h2>
        <Events entries={entries} recorded={books.result?.events} pending={books.result === undefined} />
      </section>
      <section class="card story-part" aria-labelledby="trace">
        <h2 id="trace">Trace</h2>
        <Missing problems={observed.result?.problems} stores={["traces"]} />
        <Await call={observed}>{({ traces, problems }) => !problems.traces && <Trace traces={traces} />}</Await>
      </section>
      <section class="card story-part" aria-labelledby="log">
        <h2 id="log">Log</h2>
        <Missing problems={observed.result?.problems} stores={["logs"]} />
        <Await call={observed}>
          {({ lines, problems }) => !problems.logs && <Log lines={lines} service={query.get("service") ?? ""} />}
        </Await>
      </section>
      <section class="story-part" aria-labelledby="commands">
        <h2 id="commands">The same on the command line</h2>
        {observed.result?.commands.map((text) => (
          <Command key={text} text={text} />
        ))}
      </section>
    </>
  );
}

function Unknown({ id }: { id: string }) {
  return (
    <>
      <div class="row between story-top">
        <h1>No such order</h1>
        <Search />
      </div>
      <Empty title="No service of this mesh knows an order with this id.">
        <p class="story-id">{id}</p>
        <p>
          <a href="/orders">To the orders</a>
        </p>
      </Empty>
    </>
  );
}

function Summary({ books }: { books: Books | null | undefined }) {
  if (!books) {
    return null;
  }
  const { order } = books;
  const message = order.rejection_message;
  return (
    <p class="soft">
      Placed {date(order.create_time)} · {money(order.total)}
      {message && ` · ${message}`}
    </p>
  );
}

function Pending({ call }: { call: Call<Observed> }) {
  return <Await call={call}>{() => <p class="soft">Nothing was observed yet.</p>}</Await>;
}

/** Count the readings since something new arrived. */
function useQuietReadings({ result }: Call<Observed>): number {
  const [quiet, setQuiet] = useState(0);
  const seen = useRef("");
  useEffect(() => {
    if (!result) {
      return;
    }
    const spans = result.traces.map(({ bars }) => bars.length);
    const size = JSON.stringify([result.entries.length, result.lines.length, spans]);
    const same = size === seen.current;
    seen.current = size;
    setQuiet((before) => (same ? before + 1 : 0));
  }, [result]);
  return quiet;
}
