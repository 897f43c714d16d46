// The lines that services and proxies have logged about an order, the oldest first.
import { navigate } from "@shop/kit";
import { clock } from "./format.ts";
import type { LogLine } from "./story.ts";

const COLOURS: Readonly<Record<string, string>> = { WARNING: "warn", ERROR: "bad", CRITICAL: "bad" };

/** The lines, or those of one service. The filter is part of the address. */
export function Log({ lines, service }: { lines: readonly LogLine[]; service: string }) {
  const services = [...new Set([...lines.map(({ workload }) => workload), ...(service ? [service] : [])])].sort();
  const choose = (event: Event) => {
    const chosen = (event.currentTarget as HTMLSelectElement).value;
    navigate(`${location.pathname}${chosen && `?service=${encodeURIComponent(chosen)}`}`, { replace: true });
  };
  const shown = lines.filter(({ workload }) => !service || workload === service);
  return (
    <>
      <div class="row story-filter">
        <label for="log-service">Lines of</label>
        <select id="log-service" class="input" value={service} onChange={choose}>
          <option value="">all services</option>
          {services.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <span class="soft small" role="status">
          {shown.length} {shown.length === 1 ? "line" : "lines"}
        </span>
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Lines of the log">
        <table class="log-lines">
          <thead class="visually-hidden">
            <tr>
              <th scope="col">Time</th>
              <th scope="col">From</th>
              <th scope="col">Line</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((line, index) => (
              <tr key={index} class={COLOURS[line.level] ?? ""}>
                <td class="story-time">{clock(line.time)}</td>
                <td>
                  {line.workload}
                  {line.proxy && <span class="soft"> proxy</span>}
                </td>
                <td>
                  {line.message} <span class="soft">{line.details}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
