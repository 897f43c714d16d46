// All callers and methods, and the decision about each.
import { Await, Empty, navigate, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import { Command } from "../command.tsx";
import type { PageProps } from "../pages.ts";
import { type Cell, type Matrix, type Row, whyUrl } from "./decision.ts";
import "./why.css";

/** The page of the grid. The address has the filter: ?service=, ?caller=, ?differs=1. */
export function MatrixPage({ query }: PageProps) {
  useTitle("Who may call what");
  const call = useApi<Matrix>("/api/why/matrix");
  return (
    <>
      <div class="row between">
        <h1>Who may call what</h1>
        <div class="row">
          <a href="/why">Ask about one call</a>
          <button type="button" class="button quiet" aria-disabled={call.pending} onClick={call.reload}>
            {call.pending ? "Reading the proxies …" : "Read the proxies again"}
          </button>
        </div>
      </div>
      <Await call={call}>{(matrix) => <Grid matrix={matrix} query={query} />}</Await>
    </>
  );
}

function Grid({ matrix, query }: { matrix: Matrix; query: URLSearchParams }) {
  const all = matrix.rows.flatMap((row) => row.cells);
  const callers = matrix.rows[0]?.cells.map((cell) => cell.caller) ?? [];
  const [service, caller] = [query.get("service") ?? "", query.get("caller") ?? ""];
  const onlyDifferent = query.has("differs");
  const isShown = (cell: Cell) => !caller || cell.caller === caller;
  const rows = matrix.rows.filter(
    (row) =>
      (!service || row.service === service) &&
      (!onlyDifferent || row.cells.some((cell) => isShown(cell) && differs(cell))),
  );
  const different = all.filter(differs).length;

  function filter(name: string, value: string): void {
    const next = new URLSearchParams(query);
    if (value) {
      next.set(name, value);
    } else {
      next.delete(name);
    }
    navigate(`/why/matrix?${next}`, { replace: true });
  }

  return (
    <>
      <p role="status">
        <strong>{all.filter((cell) => cell.allowed).length}</strong> of {all.length} calls are allowed.{" "}
        <span class="soft">Decided in {matrix.seconds.toFixed(1)} s from what the proxies have now.</span>
      </p>
      {different > 0 && (
        <p class="notice warn">
          {different} {different === 1 ? "decision differs" : "decisions differ"} from what contracts and declarations
          say: another policy is in effect.
        </p>
      )}
      <div class="row grid-filter">
        <Choice
          label="Service"
          value={service}
          options={[...new Set(matrix.rows.map((row) => row.service))].sort()}
          onValue={(value) => filter("service", value)}
        />
        <Choice label="Caller" value={caller} options={callers} onValue={(value) => filter("caller", value)} />
        <label class="row">
          <input
            type="checkbox"
            checked={onlyDifferent}
            onChange={(event) => filter("differs", event.currentTarget.checked ? "1" : "")}
          />
          Only what differs from the declarations
        </label>
      </div>
      {rows.length === 0 ? (
        <Empty title="No method matches." />
      ) : (
        <Table rows={rows} callers={callers.filter((name) => !caller || name === caller)} />
      )}
      <p class="small soft">
        ✓ allowed · – denied · ? not known. A frame marks what differs from the declarations. Users and roles call
        through the gateway, services from inside.
      </p>
      <Command text={matrix.command} />
    </>
  );
}

function Table({ rows, callers }: { rows: Row[]; callers: string[] }) {
  return (
    <div class="scroll">
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Method</th>
            {callers.map((caller) => (
              <th key={caller} scope="col" class="grid-caller">
                <span>{caller}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.method}>
              <th scope="row">
                <a href={`/contracts/${row.method}`}>
                  <span class="soft">{row.method.split(".").slice(1, 3).join(" ")}</span> {row.method.split("/")[1]}
                </a>
              </th>
              {row.cells
                .filter((cell) => callers.includes(cell.caller))
                .map((cell) => (
                  <td key={cell.caller} class={differs(cell) ? "grid-cell differs" : "grid-cell"}>
                    <Mark cell={cell} method={row.method} />
                  </td>
                ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Mark({ cell, method }: { cell: Cell; method: string }) {
  const word = cell.allowed === null ? "not known" : cell.allowed ? "allowed" : "denied";
  return (
    <a
      class={`grid-mark ${cell.allowed ? "good" : ""}`}
      href={whyUrl(cell.caller, method)}
      aria-label={`${cell.caller}, ${method.split("/")[1]}: ${word}`}
      title={`${cell.caller}: ${word}. ${cell.by}`}
    >
      {cell.allowed === null ? "?" : cell.allowed ? "✓" : "–"}
    </a>
  );
}

type ChoiceProps = { label: string; value: string; options: string[]; onValue: (value: string) => void };

function Choice({ label, value, options, onValue }: ChoiceProps) {
  const id = `grid-${label.toLowerCase()}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        <option value="">All</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </div>
  );
}

function differs(cell: Cell): boolean {
  return cell.allowed !== null && cell.allowed !== cell.declared;
}
