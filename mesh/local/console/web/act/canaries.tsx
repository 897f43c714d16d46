// The shares of two versions: changed by hand, or step by step by `mesh canary`.
import { Empty } from "@shop/kit";
import { useState } from "preact/hooks";
import { Act } from "./run.tsx";
import type { Cluster, Split, Workload } from "./types.ts";

/** Routes that split calls, and versions that can be rolled out. */
export function Canaries({ cluster: { workloads, splits } }: { cluster: Cluster }) {
  const versions = workloads.flatMap((workload) => {
    const stable = workloads.find(({ namespace, name }) => namespace === "shop" && name === workload.app);
    const isCanary = stable && workload.version && workload.name === `${workload.app}-${workload.version}`;
    return isCanary && stable.version !== workload.version ? [workload] : [];
  });
  return (
    <>
      <h2>Shares of the calls</h2>
      {splits.length > 0 ? (
        splits.map((split) => <Weights key={`${split.virtual_service}/${split.index}`} split={split} />)
      ) : (
        <Empty title="No route splits calls between two versions.">
          <p>
            <a href="/act/scenarios/canary-by-weight">canary-by-weight</a> sends one call in ten to version 2.
          </p>
        </Empty>
      )}
      <h2 class="act-next">Step by step</h2>
      {versions.length > 0 ? (
        versions.map((version) => <StepByStep key={version.name} version={version} />)
      ) : (
        <Empty title="No new version runs beside an old one.">
          <p>
            <a href="/act/scenarios/canary-automated">canary-automated</a> starts version 2 of catalog without calls.
          </p>
        </Empty>
      )}
    </>
  );
}

function Weights({ split }: { split: Split }) {
  const [first, second] = split.destinations;
  const [chosen, setChosen] = useState<number>();
  const percent = chosen ?? second.weight;
  const id = `share-${split.virtual_service}-${split.index}`;
  return (
    <section class="card act-split" aria-label={`Shares of ${split.service}`}>
      <p class="row between">
        <strong>{split.service}</strong>
        <span class="soft small">
          route {split.route || split.index} of {split.virtual_service}
        </span>
      </p>
      <p class="row between" aria-hidden="true">
        <span>
          {first.subset} {first.weight} %
        </span>
        <span>
          {second.subset} {second.weight} %
        </span>
      </p>
      <div
        class="act-shares"
        role="img"
        aria-label={`Now: ${first.weight} % ${first.subset}, ${second.weight} % ${second.subset}`}
      >
        <span style={{ flexGrow: first.weight }} />
        <span style={{ flexGrow: second.weight }} />
      </div>
      <div class="row">
        <label for={id}>
          {second.subset} gets {percent} %
        </label>
        <input
          id={id}
          class="act-range"
          type="range"
          min={0}
          max={100}
          step={5}
          value={percent}
          onInput={(event) => setChosen(Number(event.currentTarget.value))}
        />
        <Act
          act="set-weights"
          params={{
            route: `${split.namespace}/${split.virtual_service}/${split.index}`,
            percent: String(percent),
          }}
          title={`Send ${percent} % of the calls of ${split.service} to ${second.subset}`}
          label="Change the shares"
          disabled={percent === second.weight}
        />
      </div>
    </section>
  );
}

function StepByStep({ version: { app, version } }: { version: Workload }) {
  const [seconds, setSeconds] = useState("30");
  const [calls, setCalls] = useState("100");
  return (
    <section class="card act-split" aria-label={`Canary of ${app}`}>
      <p>
        <strong>
          {app} {version}
        </strong>{" "}
        gets 5, 10, 25, 50 and 100 % of the calls. It is promoted if it does well, and rolled back if it fails or is
        slow. It needs calls: without them, it is rolled back.
      </p>
      <div class="row act-form">
        <NumberField label="Seconds per step" value={seconds} min={1} max={600} onChange={setSeconds} />
        <NumberField label="Calls per step" value={calls} min={1} max={10000} onChange={setCalls} />
        <Act
          act="canary"
          params={{ service: app, version, seconds, calls }}
          title={`Roll ${app} ${version} out`}
          label="Start the canary"
        />
      </div>
    </section>
  );
}

/** A field for a whole number. */
export function NumberField({
  label,
  value,
  min,
  max,
  onChange,
}: {
  label: string;
  value: string;
  min: number;
  max: number;
  onChange: (value: string) => void;
}) {
  return (
    <label class="act-number">
      {label}
      <input
        class="input"
        type="number"
        min={min}
        max={max}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}
