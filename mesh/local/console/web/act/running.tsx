// A command while it runs and after: its output, how it ended, and a button that stops it.
import { ConnectError } from "@connectrpc/connect";
import { explain, Failure, Skeleton } from "@shop/kit";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../api.ts";
import { Command as CommandText } from "../command.tsx";
import { date } from "../format.ts";
import type { Command, Progress } from "./types.ts";
import { isVerdicts, Verdicts } from "./verdict.tsx";

const POLL_MS = 600;

type State = { progress?: Progress; output: string; error?: string };

/** Read a command, and its output as it grows. */
function useProgress(id: string): State {
  const [state, setState] = useState<State>({ output: "" });
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let offset = 0;
    const poll = async () => {
      try {
        const progress = await get<Progress>(`/api/commands/${encodeURIComponent(id)}?offset=${offset}`, abort.signal);
        const isComplete = progress.offset === offset && !progress.running;
        offset = progress.offset;
        setState((before) => ({ progress, output: before.output + progress.output }));
        if (!isComplete) {
          timer = setTimeout(poll, progress.running ? POLL_MS : 0);
        }
      } catch (error) {
        if (!abort.signal.aborted) {
          setState((before) => ({ ...before, error: explain(ConnectError.from(error)) }));
          timer = setTimeout(poll, 3 * POLL_MS);
        }
      }
    };
    void poll();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return state;
}

/** A command with its output, live. `onEnd` is called when it has ended. */
export function Running({ id, onEnd }: { id: string; onEnd?: (() => void) | undefined }) {
  const { progress, output, error } = useProgress(id);
  const ended = progress?.running === false;
  useEffect(() => {
    if (ended) {
      onEnd?.();
    }
  }, [ended, onEnd]);
  if (!progress) {
    return error ? <Failure title={error} /> : <Skeleton />;
  }
  return (
    <>
      {error && <Failure title={error} text="This is what was known before." />}
      <CommandText text={progress.command} />
      <div class="row act-status">
        <Ending command={progress} />
        <span class="soft small">
          started {date(progress.start_time)}
          {progress.end_time !== null && `, took ${formatSeconds(progress.end_time - progress.start_time)}`}
        </span>
        {progress.running && <Stop command={progress} />}
      </div>
      {isVerdicts(progress.result) && <Verdicts verdicts={progress.result} />}
      <Output text={output} running={progress.running} />
    </>
  );
}

/** How a command has ended, or that it runs. */
export function Ending({ command }: { command: Command }) {
  const { text, colour } = describeEnd(command);
  return (
    <span class={`badge ${colour}`} role="status">
      {text}
    </span>
  );
}

function describeEnd({ running, exit_code: code, end_time: end, interrupted }: Command): {
  text: string;
  colour: string;
} {
  if (running) {
    return { text: interrupted ? "stopping …" : "running …", colour: "warn" };
  }
  if (end === null || code === null) {
    return { text: `${interrupted ? "stopped" : "ended"}, exit code unknown`, colour: "warn" };
  }
  const how = code < 0 ? `ended by signal ${-code}` : `exit code ${code}`;
  return interrupted ? { text: `stopped, ${how}`, colour: "warn" } : { text: how, colour: code ? "bad" : "good" };
}

function Stop({ command }: { command: Command }) {
  const [error, setError] = useState<string>();
  const stop = () =>
    post(`/api/commands/${command.id}/interrupt`, {}).catch((thrown) => setError(explain(ConnectError.from(thrown))));
  return (
    <>
      <button type="button" class="button danger" aria-disabled={command.interrupted} onClick={stop}>
        Stop
      </button>
      {error && <span class="notice bad">{error}</span>}
    </>
  );
}

function Output({ text, running }: { text: string; running: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (running && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [running]);
  return (
    <pre ref={box} class="act-output" role="log" aria-label="Output" tabIndex={0}>
      {text || (running ? "No output yet." : "No output.")}
    </pre>
  );
}

export function formatSeconds(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
