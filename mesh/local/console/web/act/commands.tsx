// The commands that the console has run, and the page of one of them.
import { Await, Empty, useTitle } from "@shop/kit";
import { useApi } from "../api.ts";
import { date } from "../format.ts";
import type { PageProps } from "../pages.ts";
import "./act.css";
import { Ending, formatSeconds, Running } from "./running.tsx";
import type { Command } from "./types.ts";

/** The list of commands, newest first. */
export function CommandsPage() {
  useTitle("Commands");
  const call = useApi<Command[]>("/api/commands", { every: 2000 });
  return (
    <>
      <p class="small">
        <a href="/act">Act</a>
      </p>
      <h1>Commands</h1>
      <p class="soft">What the console has run, newest first. The last 50 are kept, with their output.</p>
      <Await call={call}>
        {(commands) =>
          commands.length > 0 ? (
            <ul class="act-list act-commands">
              {commands.map((command) => (
                <li key={command.id} class="card act-item">
                  <a href={`/commands/${command.id}`}>
                    <code>{command.command}</code>
                  </a>
                  <Ending command={command} />
                  <span class="soft small">
                    {date(command.start_time)}
                    {command.end_time !== null && `, ${formatSeconds(command.end_time - command.start_time)}`}
                  </span>
                </li>
              ))}
            </ul>
          ) : (
            <Empty title="No command was run yet.">
              <p>
                <a href="/act">Act on the mesh</a>
              </p>
            </Empty>
          )
        }
      </Await>
    </>
  );
}

/** A command with its output. */
export function CommandPage({ params: { id = "" } }: PageProps) {
  useTitle("Command");
  return (
    <>
      <p class="small">
        <a href="/commands">All commands</a>
      </p>
      <h1>Command</h1>
      <section class="card act-command" aria-label="The command">
        <Running key={id} id={id} />
      </section>
    </>
  );
}
