// An act: a button, and the dialog that shows its command before it runs.
import { ConnectError } from "@connectrpc/connect";
import { Await, explain, Failure, navigate } from "@shop/kit";
import { useRef, useState } from "preact/hooks";
import { post, useApi } from "../api.ts";
import { Command } from "../command.tsx";
import { Running } from "./running.tsx";

type Params = Record<string, string>;
type Plan = { command: string; prepare: string; warning: string };

/** What an act is: its name in the API, its parameters, and a sentence that says what happens. */
export type Acting = { act: string; params: Params; title: string };

/** A button that opens the dialog of an act. The command runs only after a second click there. */
export function Act({
  label,
  name,
  disabled,
  danger,
  ...acting
}: Acting & { label: string; name?: string; disabled?: boolean; danger?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  const show = () => {
    setOpen(true);
    dialog.current?.showModal();
  };
  return (
    <>
      <button
        type="button"
        class={`button ${danger ? "danger" : "quiet"}`}
        aria-label={name}
        aria-disabled={disabled}
        onClick={() => disabled || show()}
      >
        {label}
      </button>
      <dialog ref={dialog} class="card act-dialog" aria-label={acting.title} onClose={() => setOpen(false)}>
        {open && <Confirm {...acting} danger={danger} close={() => dialog.current?.close()} />}
      </dialog>
    </>
  );
}

function Confirm({ act, params, title, danger, close }: Acting & { danger?: boolean | undefined; close: () => void }) {
  const plan = useApi<Plan>(`/api/acts/${act}?${new URLSearchParams(params)}`);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<string>();

  async function run(command: string): Promise<void> {
    setSending(true);
    setError(undefined);
    try {
      const { id } = await post<{ id: string }>(`/api/acts/${act}`, { params, command });
      close();
      showRun(id);
    } catch (thrown) {
      setError(explain(ConnectError.from(thrown)));
    } finally {
      setSending(false);
    }
  }

  return (
    <>
      <h2>{title}</h2>
      <Await call={plan}>
        {({ command, prepare, warning }) => (
          <>
            {warning && <p class={`notice ${danger ? "bad" : "warn"}`}>{warning}</p>}
            <p class="act-label">This command runs:</p>
            <Command text={command} />
            <details class="act-details">
              <summary>Run it in a terminal instead</summary>
              <p>In the checkout's folder, once per shell:</p>
              <Command text={prepare} />
            </details>
            {error && <Failure title={error} />}
            <div class="row">
              <button
                type="button"
                class={`button ${danger ? "act-danger" : ""}`}
                aria-disabled={sending}
                onClick={() => void (sending || run(command))}
              >
                {sending ? "One moment …" : "Run"}
              </button>
              <Cancel close={close} />
            </div>
          </>
        )}
      </Await>
      {plan.error && <Cancel close={close} />}
    </>
  );
}

function Cancel({ close }: { close: () => void }) {
  return (
    <button type="button" class="button quiet" onClick={close}>
      Cancel
    </button>
  );
}

/** Show the run of a command on this page. It is part of the address, so a reload shows it again. */
function showRun(id: string | undefined): void {
  const url = new URL(location.href);
  if (id) {
    url.searchParams.set("ran", id);
  } else {
    url.searchParams.delete("ran");
  }
  navigate(url.pathname + url.search, { replace: true });
}

/** The command that was started from this page, if there is one. `onEnd` is called when it has ended. */
export function Ran({ query, onEnd }: { query: URLSearchParams; onEnd?: () => void }) {
  const id = query.get("ran");
  return id ? (
    <section class="card act-ran" aria-label="The command">
      <Running key={id} id={id} onEnd={onEnd} />
      <p class="row act-ran-links">
        <a href={`/commands/${id}`}>Open this command</a>
        <button type="button" class="link-button" onClick={() => showRun(undefined)}>
          Close
        </button>
      </p>
    </section>
  ) : null;
}
