// The shell: the frame of every page. It loads the parts of the bounded contexts and knows nothing of what they show.
import { Failure, fillSlotsFrom, followLinks, Guard } from "@shop/kit";
import { render } from "preact";
import { Frame } from "./frame.tsx";
import { Parts } from "./parts.ts";

const root = document.querySelector("#shop") ?? document.body;

async function start(): Promise<void> {
  try {
    const parts = await Parts.read();
    fillSlotsFrom(parts.slot);
    render(
      <Guard>
        <Frame parts={parts} />
      </Guard>,
      root,
    );
  } catch (error) {
    console.error(error);
    render(<Failure title="The shop cannot be loaded." onRetry={() => location.reload()} />, root);
  }
}

followLinks();
await start();
