// How loading, empty, slow and failed look.
import type { ComponentChildren } from "preact";
import { type Call, explain } from "./calls.ts";
import { useTitle } from "./navigation.ts";

/** Something failed here. The rest of the page is not affected. */
export function Failure({
  title,
  text,
  onRetry,
}: {
  title: string;
  text?: string | undefined;
  onRetry?: (() => void) | undefined;
}) {
  return (
    <div class="state failure" role="alert">
      <p class="state-title">{title}</p>
      {text && <p>{text}</p>}
      {onRetry && (
        <button type="button" class="button quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** There is nothing to show. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state empty">
      <p class="state-title">{title}</p>
      {children}
    </div>
  );
}

/** There is no page at this address. The children lead elsewhere. */
export function NotFound({ children }: { children: ComponentChildren }) {
  useTitle("Not found");
  return (
    <>
      <h1>Not found</h1>
      <Empty title="There is no such page.">
        <p>{children}</p>
      </Empty>
    </>
  );
}

/** A grey shape in place of what is loading. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}

/** Shows the result of a call. Until it is there: a skeleton, a word if it is slow, and what failed. */
export function Await<Result>({
  call,
  skeleton,
  children,
}: {
  call: Call<Result>;
  skeleton?: ComponentChildren;
  children: (result: Result) => ComponentChildren;
}) {
  if (call.result !== undefined) {
    return (
      <>
        {call.error && (
          <Failure title={explain(call.error)} text="This is what was known before." onRetry={call.reload} />
        )}
        {children(call.result)}
      </>
    );
  }
  if (call.error) {
    return <Failure title={explain(call.error)} onRetry={call.reload} />;
  }
  return (
    <div aria-busy="true">
      <p class={call.slow ? "slow" : "visually-hidden"} role="status">
        {call.slow ? "This takes longer than usual …" : "Loading …"}
      </p>
      {skeleton ?? <Skeleton />}
    </div>
  );
}
