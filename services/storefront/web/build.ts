// Builds the shell and every part into a folder: node build.ts <checkout> <folder>
//
//   <folder>/shell          index.html, policy.txt (its Content-Security-Policy), assets/
//   <folder>/parts/<part>   part.json and the files that it names
//
// Builds only one part, from a folder with its sources: node build.ts <checkout> <folder> <part> <sources>
// Builds only the console of the mesh (index.html, assets/): node build.ts <checkout> <folder> console
//
// Shared modules (the kit, Preact, protobuf-es, Connect, the generated code that no context owns) are built with the
// shell. Parts name them in their imports, and the import map in index.html says where they are. So a part can be built
// and replaced without the shell, and all parts use one copy of Preact.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

const WEB = import.meta.dirname;
const GEN = join(WEB, "gen");
const KIT = "@shop/kit";
const GENERATED = "@shop/gen/";
const LIBRARIES = [
  "preact",
  "preact/hooks",
  "preact/jsx-runtime",
  "@bufbuild/protobuf",
  "@bufbuild/protobuf/codegenv2",
  "@bufbuild/protobuf/wkt",
  "@connectrpc/connect",
];
const CONSOLE = "console";
const COMPRESSED = /\.(js|css|html|json|svg)$/;

const common = {
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2023",
  minify: true,
  sourcemap: true,
  metafile: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  nodePaths: [join(WEB, "node_modules")],
  tsconfigRaw: {},
  logLevel: "warning",
} satisfies BuildOptions;

/** Generated code that no bounded context owns: rules, options, and common types. */
async function sharedContracts(): Promise<string[]> {
  const files = await readdir(GEN, { recursive: true });
  const shared = (file: string) =>
    file.endsWith(".ts") && (!file.startsWith("shop/") || file.startsWith("shop/rules/"));
  return files.filter(shared).sort();
}

/** Resolves "@shop/…" to the files of this folder. */
const own: Plugin = {
  name: "own",
  setup({ onResolve }) {
    onResolve({ filter: /^@shop\/kit$/ }, () => ({ path: join(WEB, "kit/index.ts") }));
    onResolve({ filter: /^@shop\/gen\// }, ({ path }) => ({ path: join(GEN, path.slice(GENERATED.length)) }));
  },
};

/** Leaves shared modules out of a part, also if generated code imports them by a relative path. */
function external(contracts: ReadonlySet<string>): Plugin {
  return {
    name: "external",
    setup({ onResolve }) {
      onResolve({ filter: /^[^.]/ }, ({ path }) =>
        path === KIT || LIBRARIES.includes(path) ? { path, external: true } : undefined,
      );
      onResolve({ filter: /_pb\.ts$/ }, ({ path, resolveDir }) => {
        const file = relative(
          GEN,
          path.startsWith(GENERATED) ? join(GEN, path.slice(GENERATED.length)) : resolve(resolveDir, path),
        );
        return contracts.has(file) ? { path: GENERATED + file, external: true } : { path: join(GEN, file) };
      });
    },
  };
}

async function buildShell(folder: string, contracts: readonly string[]): Promise<void> {
  const modules = new Map<string, string>([
    ["main", join(WEB, "shell/main.tsx")],
    [KIT, join(WEB, "kit/index.ts")],
    ...LIBRARIES.map((name): [string, string] => [name, name]),
    ...contracts.map((file): [string, string] => [GENERATED + file, join(GEN, file)]),
  ]);
  const keys = [...modules.keys()];
  const assets = join(folder, "assets");
  const { metafile } = await build({
    ...common,
    plugins: [own],
    entryPoints: keys.map((key, index) => ({ in: modules.get(key) ?? key, out: `m${index}` })),
    splitting: true,
    entryNames: "[name]-[hash]",
    chunkNames: "c-[hash]",
    outdir: assets,
  });
  const styles = await build({
    ...common,
    entryPoints: [join(WEB, "shell/style.css")],
    entryNames: "style-[hash]",
    outdir: assets,
  });
  await writeFile(join(assets, "favicon.svg"), await readFile(join(WEB, "shell/favicon.svg")));

  const output = (key: string) => `/assets/${entryOf(metafile, `m${keys.indexOf(key)}-`)}`;
  const imports = Object.fromEntries(keys.filter((key) => key !== "main").map((key) => [key, output(key)]));
  const importmap = JSON.stringify({ imports });
  const preloads = preloadsOf(metafile, output("main")).map((path) => `<link rel="modulepreload" href="${path}">`);
  const page = (await readFile(join(WEB, "shell/index.html"), "utf8"))
    .replace("{{styles}}", `/assets/${entryOf(styles.metafile, "style-")}`)
    .replace("{{importmap}}", importmap)
    .replace("{{preloads}}", preloads.join("\n    "))
    .replace("{{script}}", output("main"));
  await writeFile(join(folder, "index.html"), page);
  await writeFile(join(folder, "policy.txt"), policy(importmap));
}

/** The console is one bundle: it has no parts, and no other site uses its modules. */
async function buildConsole(source: string, folder: string): Promise<void> {
  const assets = join(folder, "assets");
  await mkdir(assets, { recursive: true });
  const { metafile } = await build({
    ...common,
    plugins: [own],
    entryPoints: [join(source, "main.tsx")],
    entryNames: "[name]-[hash]",
    outdir: assets,
  });
  await writeFile(join(assets, "favicon.svg"), await readFile(join(source, "favicon.svg")));
  const output = (type: string) => {
    const paths = Object.keys(metafile.outputs);
    return `/assets/${basename(paths.find((path) => path.endsWith(type)) ?? "")}`;
  };
  const page = (await readFile(join(source, "index.html"), "utf8"))
    .replace("{{styles}}", output(".css"))
    .replace("{{script}}", output(".js"));
  await writeFile(join(folder, "index.html"), page);
}

/** Everything comes from this origin. The import map is the only inline script, and its hash allows it. */
function policy(importmap: string): string {
  const hash = createHash("sha256").update(importmap).digest("base64");
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** The scripts that the first page needs before it can start. */
function preloadsOf(metafile: Metafile, main: string): string[] {
  const outputs = new Map(
    Object.entries(metafile.outputs).map(([path, output]) => [`/assets/${basename(path)}`, output]),
  );
  const found = new Set<string>();
  const visit = (path: string) => {
    for (const each of outputs.get(path)?.imports ?? []) {
      const next = `/assets/${basename(each.path)}`;
      if (each.kind === "import-statement" && outputs.has(next) && !found.has(next)) {
        found.add(next);
        visit(next);
      }
    }
  };
  visit(main);
  return [...found].sort();
}

async function buildPart(part: string, source: string, built: string, contracts: ReadonlySet<string>): Promise<void> {
  const folder = join(built, "parts", part);
  await mkdir(folder, { recursive: true });
  const { metafile } = await build({
    ...common,
    plugins: [external(contracts), own],
    entryPoints: [join(source, "index.tsx")],
    entryNames: `${part}-[hash]`,
    outdir: folder,
  });
  const manifest = JSON.parse(await readFile(join(source, "part.json"), "utf8"));
  const styles = Object.keys(metafile.outputs).find((path) => path.endsWith(".css"));
  const entry = entryOf(metafile, `${part}-`);
  const complete = { name: part, ...manifest, entry, ...(styles ? { styles: basename(styles) } : {}) };
  await writeFile(join(folder, "part.json"), JSON.stringify(complete));
}

function entryOf(metafile: Metafile, prefix: string): string {
  const found = Object.keys(metafile.outputs).find(
    (path) => basename(path).startsWith(prefix) && /\.(js|css)$/.test(path),
  );
  if (!found) {
    throw new Error(`the build has no file ${prefix}*`);
  }
  return basename(found);
}

/** Add a .br and a .gz of each text, so that the server compresses nothing. */
async function compress(folder: string): Promise<void> {
  for (const file of await readdir(folder, { recursive: true })) {
    if (COMPRESSED.test(file)) {
      const text = await readFile(join(folder, file));
      await writeFile(
        join(folder, `${file}.br`),
        brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
      );
      await writeFile(join(folder, `${file}.gz`), gzipSync(text));
    }
  }
}

/** The parts of a checkout: services/<part>/web with a part.json. */
async function partsOf(checkout: string): Promise<[string, string][]> {
  const services = await readdir(join(checkout, "services"), { withFileTypes: true });
  const found: [string, string][] = [];
  for (const service of services.filter((entry) => entry.isDirectory())) {
    const source = join(checkout, "services", service.name, "web");
    const files = await readdir(source).catch((): string[] => []);
    if (files.includes("part.json")) {
      found.push([service.name, source]);
    }
  }
  return found.sort();
}

async function buildAll(checkout: string, folder: string, contracts: readonly string[]): Promise<void> {
  const parts = await partsOf(checkout);
  await mkdir(join(folder, "shell/assets"), { recursive: true });
  await Promise.all([
    buildShell(join(folder, "shell"), contracts),
    ...parts.map(([part, source]) => buildPart(part, source, folder, new Set(contracts))),
  ]);
  console.log(`${relative(dirname(folder), folder)}: shell, ${parts.map(([part]) => part).join(", ")}`);
}

const [checkout, folder, part, source] = process.argv.slice(2);
if (!checkout || !folder || (part && part !== CONSOLE && !source)) {
  throw new Error("usage: node build.ts <checkout> <folder> [<part> <sources> | console]");
}
const contracts = await sharedContracts();
if (part === CONSOLE) {
  await buildConsole(join(checkout, "mesh/local/console/web"), folder);
} else if (part && source) {
  await buildPart(part, source, folder, new Set(contracts));
} else {
  await buildAll(checkout, folder, contracts);
}
await compress(folder);
