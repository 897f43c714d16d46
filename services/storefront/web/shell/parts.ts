// The parts of the page: which there are, which pages and slots each has, and how to load its script.
import { type Mount, matchPath, type PageProps, type Part } from "@shop/kit";

/** The `part.json` of a part, with the files that its build has added. */
export type Manifest = {
  name: string;
  pages: readonly string[];
  slots: readonly string[];
  navigation: readonly { label: string; path: string; role?: string }[];
  /** The script, relative to the manifest. */
  entry: string;
  styles?: string;
};

/** A page of a part that an address leads to. */
export type Match = { part: string; params: Record<string, string>; load: () => Promise<Mount<PageProps>> };

const INDEX = "/parts/index.json";

/** The parts of this page. */
export class Parts {
  readonly manifests: readonly Manifest[];
  /** Parts whose manifest could not be read. */
  readonly missing: readonly string[];
  readonly #scripts = new Map<string, Promise<Part>>();
  readonly #loads = new Map<string, () => Promise<Mount<never>>>();

  private constructor(manifests: readonly Manifest[], missing: readonly string[]) {
    this.manifests = manifests;
    this.missing = missing;
  }

  /** Read the manifests of all parts. A part without one is missing; the others are shown. */
  static async read(): Promise<Parts> {
    const names: string[] = await readJson(INDEX);
    const results = await Promise.allSettled(names.map((name) => readJson(`/parts/${name}/part.json`)));
    const manifests = results.flatMap((result) => (result.status === "fulfilled" ? [result.value as Manifest] : []));
    return new Parts(
      manifests,
      names.filter((_, index) => results[index]?.status === "rejected"),
    );
  }

  /** Return the page at a path; undefined if no part has one. The most specific pattern wins. */
  page(path: string): Match | undefined {
    const found = this.manifests.flatMap((manifest) =>
      manifest.pages.flatMap((pattern) => {
        const params = matchPath(pattern, path);
        return params ? [{ manifest, pattern, params }] : [];
      }),
    );
    const best = found.sort((one, other) => variables(one.pattern) - variables(other.pattern))[0];
    if (!best) {
      return undefined;
    }
    const { manifest, pattern, params } = best;
    const load = this.#load(manifest, `page ${pattern}`, (part) => part.pages[pattern]);
    return { part: manifest.name, params, load };
  }

  /** Return what fills a slot. */
  slot = (name: string): readonly { part: string; load: () => Promise<Mount<never>> }[] =>
    this.manifests
      .filter((manifest) => manifest.slots.includes(name))
      .map((manifest) => ({
        part: manifest.name,
        load: this.#load(manifest, `slot ${name}`, (part) => part.slots[name]),
      }));

  // The same function each time, so that what is on the screen is not mounted again.
  #load<Props>(
    manifest: Manifest,
    what: string,
    pick: (part: Part) => Mount<Props> | undefined,
  ): () => Promise<Mount<Props>> {
    const key = `${manifest.name} ${what}`;
    const load =
      this.#loads.get(key) ??
      (async () => {
        const mount = pick(await this.#script(manifest));
        if (!mount) {
          throw new Error(`the part ${manifest.name} has no ${what}`);
        }
        return mount as unknown as Mount<never>;
      });
    this.#loads.set(key, load);
    return load as unknown as () => Promise<Mount<Props>>;
  }

  #script(manifest: Manifest): Promise<Part> {
    let script = this.#scripts.get(manifest.name);
    if (!script) {
      script = load(manifest);
      this.#scripts.set(manifest.name, script);
      // A failed download is not kept.
      script.catch(() => this.#scripts.delete(manifest.name));
    }
    return script;
  }
}

let failures = 0;

async function load(manifest: Manifest): Promise<Part> {
  const base = `/parts/${manifest.name}/`;
  try {
    const styles = manifest.styles ? style(base + manifest.styles) : undefined;
    // A browser remembers a module that it could not load by its address.
    const address = base + manifest.entry + (failures ? `?again=${failures}` : "");
    const module: { default: Part } = await import(address);
    await styles;
    return module.default;
  } catch (error) {
    failures += 1;
    throw error;
  }
}

function style(href: string): Promise<void> {
  if (document.querySelector(`link[href="${href}"]`)) {
    return Promise.resolve();
  }
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  return new Promise((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => {
      link.remove();
      reject(new Error(`cannot load ${href}`));
    };
    document.head.append(link);
  });
}

async function readJson<Value>(address: string): Promise<Value> {
  const response = await fetch(address);
  if (!response.ok) {
    throw new Error(`${address}: ${response.status}`);
  }
  return response.json();
}

function variables(pattern: string): number {
  return pattern.split(":").length - 1;
}
