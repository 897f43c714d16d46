// Slots: places on a page that other parts fill.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Mount, Mounted } from "./part.ts";
import { Failure } from "./states.tsx";

/** Find the mounts that parts have for a slot. The shell sets it. */
export type FindSlot = (name: string) => readonly { part: string; load: () => Promise<Mount<never>> }[];

let find: FindSlot = () => [];

/** Tell the slots where their parts are. */
export function fillSlotsFrom(source: FindSlot): void {
  find = source;
}

/** Show what the parts have for a slot, with `props` for each. A slot that no part fills is empty. */
export function Slot<Props extends object>({ name, props }: { name: string; props: Props }) {
  return (
    <>
      {find(name).map(({ part, load }) => (
        <Mounting key={part} part={part} load={load as unknown as () => Promise<Mount<Props>>} props={props} />
      ))}
    </>
  );
}

/** Loads a mount and shows it. If that fails, it says which part is missing. */
export function Mounting<Props extends object>({
  part,
  load,
  props,
}: {
  part: string;
  load: () => Promise<Mount<Props>>;
  props: Props;
}) {
  const element = useRef<HTMLDivElement>(null);
  const mounted = useRef<Mounted<Props>>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [failed, setFailed] = useState(false);
  const [round, setRound] = useState(0);

  useEffect(() => {
    let gone = false;
    load().then(
      (mount) => {
        if (!gone && element.current) {
          mounted.current = mount(element.current, latest.current);
        }
      },
      (error: unknown) => {
        console.error(`the part ${part} cannot be loaded`, error);
        if (!gone) {
          setFailed(true);
        }
      },
    );
    return () => {
      gone = true;
      mounted.current?.unmount();
      mounted.current = undefined;
    };
  }, [load, round]);

  useEffect(() => mounted.current?.update(props));

  if (failed) {
    const retry = () => {
      setFailed(false);
      setRound(round + 1);
    };
    return <Failure title={`The part “${part}” of this page cannot be loaded.`} onRetry={retry} />;
  }
  return h("div", { ref: element, class: "mounting", "data-part": part });
}
