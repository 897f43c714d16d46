// The link to an order's story in the console of the mesh. Only a local mesh names a console; customers see no link.
import { useCall } from "@shop/kit";

const SETTINGS = "/assets/settings.json";

/** The link for an order, for example "orders/7cc3…"; nothing without a console. */
export function ConsoleLink({ order }: { order: string }) {
  const console = useCall(readConsole, []).result;
  return console ? (
    <p class="small order-console">
      <a href={`${console}/${order}`} target="_blank" rel="noreferrer" aria-describedby="console-hint">
        Follow this order through the mesh
      </a>
      <span id="console-hint" class="soft">
        Opens the console in a new tab; <code>mesh console</code> must run.
      </span>
    </p>
  ) : null;
}

async function readConsole(signal: AbortSignal): Promise<string | null> {
  const response = await fetch(SETTINGS, { signal });
  return response.ok ? (await response.json()).console : null;
}
