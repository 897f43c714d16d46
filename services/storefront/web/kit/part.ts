// A part: what one bounded context shows. The shell loads it at run time and mounts its pages and slots.
import { type ComponentType, h, render } from "preact";
import { Guard } from "./guard.tsx";

/** What a page gets: the values of its pattern ("/products/:id" gives `id`) and the query of the address. */
export type PageProps = { params: Readonly<Record<string, string>>; query: URLSearchParams };

/** Something that is on the screen. */
export type Mounted<Props> = { update(props: Props): void; unmount(): void };

/** Shows something in an element. It has no Preact in it, so that a part can be written with another library. */
export type Mount<Props> = (element: HTMLElement, props: Props) => Mounted<Props>;

/** The default export of a part: its pages by their pattern, its slots by their name. `part.json` lists the same. */
export type Part = {
  pages: Readonly<Record<string, Mount<PageProps>>>;
  // Each slot has its own properties, which the shell passes on without looking at them.
  // biome-ignore lint: the type of a slot is known where it is used
  slots: Readonly<Record<string, Mount<any>>>;
};

/** Make a mount of a Preact component. If the component fails, it shows that, and nothing around it fails. */
export function mount<Props extends object>(component: ComponentType<Props>): Mount<Props> {
  return (element, props) => {
    const show = (next: Props) => render(h(Guard, null, h(component, next)), element);
    show(props);
    return { update: show, unmount: () => render(null, element) };
  };
}
