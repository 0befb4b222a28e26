/**
 * The layers as data: which folder may import which, with what packages, and which folders are pure. Pure data.
 *
 * One idea: an arrow that isn't written here doesn't exist. A new folder, or a new package of the product, begins with
 * a line in this file, so that it is a decision somebody made.
 *
 * Invariant: `core` and `cluster` import nothing that could tell the time, wait, or reach outside.
 *
 * @module
 */

/** One folder at the top of the repository (or the file `mod.ts`) and what it may reach. */
export interface Layer {
  readonly name: string;
  /** Layers, or single files of layers, that it may import besides itself. `"entries"`: the files in deno.json's exports. */
  readonly imports: readonly string[];
  /** Layers it may only re-export from (`export … from`). */
  readonly reExports: readonly string[];
  /** npm packages it may import; `"any"` for what is never published. */
  readonly packages: readonly string[] | "any";
  readonly mayUseNode: boolean;
  /** No clock, timer, promise, thread, socket or chance: what replays from one seed. */
  readonly isPure: boolean;
  /** Published, or shown to users as an example: the style rules hold. */
  readonly isProduct: boolean;
}

/** npm packages the product may need at run time. Anything else is a tool of the tests or the bench. */
export const RUNTIME_PACKAGES: readonly string[] = [
  "@hono/node-server",
  "@nats-io/jetstream",
  "@nats-io/kv",
  "@nats-io/transport-node",
  "@opentelemetry/api",
  "hono",
  "msgpackr",
  "multicast-dns",
  "prom-client",
  "ts-pattern",
  "ws",
];

const PURE = { reExports: [], packages: ["ts-pattern"], mayUseNode: false, isPure: true, isProduct: true };
const PRODUCT = { reExports: [], packages: RUNTIME_PACKAGES, mayUseNode: true, isPure: false, isProduct: true };
const LOWER = ["core", "workers", "remoting", "cluster", "stores", "engines", "discovery"];

export const LAYERS: readonly Layer[] = [
  { ...PURE, name: "core", imports: [] },
  { ...PURE, name: "cluster", imports: ["core"] },
  { ...PRODUCT, name: "workers", imports: ["core"] },
  { ...PRODUCT, name: "remoting", imports: ["core"] },
  { ...PRODUCT, name: "stores", imports: ["core"] },
  { ...PRODUCT, name: "discovery", imports: ["core"] },
  { ...PRODUCT, name: "engines", imports: ["core", "cluster/engine.ts"] },
  { ...PRODUCT, name: "system", imports: LOWER },
  { ...PRODUCT, name: "dashboard", imports: ["system", "core"] },
  { ...PRODUCT, name: "cli", imports: ["system", "core"] },
  {
    ...PRODUCT,
    name: "testkit",
    imports: [...LOWER, "system", "mod.ts"],
    packages: [...RUNTIME_PACKAGES, "fast-check"],
  },
  { ...PRODUCT, name: "mod.ts", imports: ["system", "core"], reExports: LOWER },
  { ...PRODUCT, name: "examples", imports: ["entries"], packages: "any" },
  { ...PRODUCT, name: "tests", imports: ["any"], packages: "any", isProduct: false },
  { ...PRODUCT, name: "bench", imports: ["any"], packages: "any", isProduct: false },
];

/** The one file of the product that may ask which runtime it is on. */
export const PLATFORM_FILE = "system/platform.ts";

/** The layer a file belongs to, by its path from the root; `undefined` when nobody declared one. */
export function layerOf(path: string): Layer | undefined {
  const name = path.split("/")[0];
  return LAYERS.find((layer) => layer.name === name);
}
