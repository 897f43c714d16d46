// Every service with what it declares, and its methods with their rules and recent calls.
import { Await, Empty, formatNumber, navigate, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import { duration } from "../format.ts";
import type { PageProps } from "../pages.ts";
import { Budget } from "./budget.tsx";
import { audience, type MethodSummary, methodUrl, objectiveText, type Recent, type Service } from "./contract.ts";
import "./contracts.css";

const REFRESH_MS = 15_000;

/** The page of all contracts. The address has the filter: ?q=. */
export function ContractsPage({ query }: PageProps) {
  useTitle("Contracts");
  const services = useApi<Service[]>("/api/contracts");
  const recent = useApi<Record<string, Recent>>("/api/contracts/recent", { every: REFRESH_MS });
  const text = query.get("q") ?? "";
  return (
    <>
      <h1>Contracts</h1>
      <p class="soft">
        What the services promise each other, and how they keep it. The calls are those of the last hour, as the proxies
        of the callers count them.
      </p>
      <div class="field contracts-filter">
        <label for="contracts-text">Find a service, method, event or owner</label>
        <input
          id="contracts-text"
          type="search"
          value={text}
          onInput={(event) => {
            const value = event.currentTarget.value;
            navigate(value ? `/contracts?${new URLSearchParams({ q: value })}` : "/contracts", { replace: true });
          }}
        />
      </div>
      {recent.error && <p class="notice warn">The recent calls are not known: {recent.error.rawMessage}</p>}
      <Await call={services}>{(all) => <Services services={filtered(all, text)} recent={recent.result ?? {}} />}</Await>
    </>
  );
}

function Services({ services, recent }: { services: Service[]; recent: Record<string, Recent> }) {
  if (services.length === 0) {
    return <Empty title="Nothing matches." />;
  }
  return (
    <div class="contracts">
      {services.map((service) => (
        <section key={service.name} class="card" aria-labelledby={`service-${service.name}`}>
          <div class="row between">
            <h2 id={`service-${service.name}`}>{service.name}</h2>
            <span class="row">
              {service.tier && <span class="badge">{service.tier}</span>}
              {service.owner && <span class="small soft">owner: {service.owner}</span>}
            </span>
          </div>
          {service.comment && <p>{service.comment.split("\n\n")[0]}</p>}
          <Declared service={service} />
          {service.methods.length === 0 && <p class="soft">It serves no method.</p>}
          {service.methods.length > 0 && <Methods methods={service.methods} recent={recent} />}
        </section>
      ))}
    </div>
  );
}

function Declared({ service }: { service: Service }) {
  const names = (all: string[]) => all.map(shortName).join(", ");
  const facts = [
    ["Objective", service.methods.length > 0 ? objectiveText(service.objective) : ""],
    ["Owns", names(service.owns)],
    ["Emits", names(service.emits)],
    ["Consumes", names(service.consumes)],
    ["Calls", service.calls.join(", ")],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, text]) => text)
        .map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
    </dl>
  );
}

function Methods({ methods, recent }: { methods: MethodSummary[]; recent: Record<string, Recent> }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Methods of ${methods[0]?.contract}`}>
      <table class="methods">
        <thead>
          <tr>
            <th scope="col">Method</th>
            <th scope="col" class="method-access">
              Who may call
            </th>
            <th scope="col" class="number">
              Timeout
            </th>
            <th scope="col" class="number">
              Retries
            </th>
            <th scope="col" class="number">
              Calls
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col" class="method-budget">
              Error budget used
            </th>
          </tr>
        </thead>
        <tbody>
          {methods.map((method) => (
            <MethodRow key={method.name} method={method} recent={recent[method.name]} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function MethodRow({ method, recent }: { method: MethodSummary; recent: Recent | undefined }) {
  const version = method.contract.split(".").at(-2);
  return (
    <tr>
      <th scope="row" class="method-name">
        <a href={methodUrl(method.name)}>{method.short}</a> <span class="soft">{version}</span>
        {method.deprecated && <span class="badge warn">deprecated</span>}
        <span class="small soft method-summary">{method.summary}</span>
      </th>
      <td>
        {audience(method)}
        {method.callers.length > 0 && <span class="small soft method-summary">{method.callers.join(", ")}</span>}
      </td>
      <td class="number">{method.timeout_ms === null ? "–" : duration(method.timeout_ms)}</td>
      <td class="number">{method.retries}</td>
      <td class="number">{recent ? formatNumber(recent.calls) : ""}</td>
      <td class="number">{recent ? formatNumber(recent.failed) : ""}</td>
      <td class="number">{recent?.p99_ms ? duration(recent.p99_ms) : ""}</td>
      <td>
        <Budget label={`Error budget of ${method.short}`} used={recent?.error_budget_used ?? null} />
      </td>
    </tr>
  );
}

/** Return the name of an event or a resource without its package: "OrderPlaced". */
function shortName(name: string): string {
  return name.split(/[./]/).at(-1) ?? name;
}

/** Return the services that match a text, or only those of their methods that do. */
function filtered(services: Service[], text: string): Service[] {
  const wanted = text.trim().toLowerCase();
  const has = (...texts: string[]) => texts.some((each) => each.toLowerCase().includes(wanted));
  return services.flatMap((service) => {
    const named = [...service.owns, ...service.emits, ...service.consumes].map(shortName);
    if (!wanted || has(service.name, service.owner, ...named)) {
      return [service];
    }
    const methods = service.methods.filter((method) => has(method.name, method.summary, ...method.roles));
    return methods.length > 0 ? [{ ...service, methods }] : [];
  });
}
