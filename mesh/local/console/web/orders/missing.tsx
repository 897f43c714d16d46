// A store of signals that does not respond.
import { Failure } from "@shop/kit";
import type { Observed } from "./story.ts";

/** Says which of the stores is missing, and how to get it. The rest of the page goes on. */
export function Missing({
  problems,
  stores,
}: {
  problems: Observed["problems"] | undefined;
  stores: readonly (keyof Observed["problems"])[];
}) {
  return (
    <>
      {stores.map((store) => {
        const problem = problems?.[store];
        return (
          problem && <Failure key={store} title={`${capital(problem.what)}.`} text={`To start it: ${problem.fix}.`} />
        );
      })}
    </>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
