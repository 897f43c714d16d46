// A scenario: what it shows, which of its objects exist, and the buttons that apply and remove it.
import { Await, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import type { PageProps } from "../pages.ts";
import { StateBadge, workloadLink } from "./act.tsx";
import { Readme } from "./readme.tsx";
import { Act, Ran } from "./run.tsx";
import type { Block, Scenario } from "./types.ts";

const STATUS = {
  same: { text: "as in the scenario", colour: "good" },
  different: { text: "exists with another content", colour: "warn" },
  missing: { text: "does not exist", colour: "" },
};

/** The page of a scenario. */
export function ScenarioPage({ params: { name = "" }, query }: PageProps) {
  useTitle(name);
  const call = useApi<Scenario & { readme: Block[] }>(`/api/scenarios/${encodeURIComponent(name)}`, { every: 3000 });
  return (
    <>
      <p class="small">
        <a href="/act?show=scenarios">All scenarios</a>
      </p>
      <h1>{name}</h1>
      <Await call={call}>
        {(scenario) => (
          <>
            <p class="act-lead">{scenario.effect}</p>
            <div class="row act-status">
              <StateBadge state={scenario.state} />
              {scenario.objects.length > 0 && (
                <>
                  <Act act="apply-scenario" params={{ scenario: name }} title={`Apply ${name}`} label="Apply" />
                  <Act
                    act="delete-scenario"
                    params={{ scenario: name }}
                    title={`Remove ${name}`}
                    label="Remove"
                    disabled={scenario.objects.every(({ status }) => status === "missing")}
                    danger
                  />
                </>
              )}
            </div>
            <Ran query={query} onEnd={call.reload} />
            <div class="columns wide-left">
              <Readme blocks={scenario.readme} />
              <Objects scenario={scenario} />
            </div>
          </>
        )}
      </Await>
    </>
  );
}

function Objects({ scenario: { objects, shared_with: shared } }: { scenario: Scenario }) {
  if (objects.length === 0) {
    return <p class="notice">There is nothing to apply. The commands show the effect.</p>;
  }
  return (
    <section class="card" aria-label="Objects">
      <h2>Objects</h2>
      <ul class="act-plain act-objects">
        {objects.map(({ kind, namespace, name, status }) => (
          <li key={`${kind}/${namespace}/${name}`}>
            <span class="soft small">{kind}</span>
            {kind === "Deployment" && status !== "missing" ? (
              <a href={workloadLink({ namespace, name })}>{name}</a>
            ) : (
              <span>{name}</span>
            )}
            <span class={`badge ${STATUS[status].colour}`}>{STATUS[status].text}</span>
          </li>
        ))}
      </ul>
      {shared.length > 0 && (
        <p class="soft small">
          Also applied, with some of the same objects:{" "}
          {shared.map((name, index) => (
            <>
              {index > 0 && ", "}
              <a key={name} href={`/act/scenarios/${name}`}>
                {name}
              </a>
            </>
          ))}
          .
        </p>
      )}
    </section>
  );
}
