/**
 * Who takes part in what, and how each is started. Troupe's own contests are in `troupe.ts`, `troupe_remote.ts` and
 * `troupe_cluster.ts`, which speak the protocol of `contestant.ts` like everybody else; a script that is not there yet makes a row that says so.
 *
 * @module
 */
import { type Command, runChild, scriptCommand } from "./child.ts";
import { goAktCommand } from "./peers/goakt.ts";
import { moleculerCommand } from "./peers/moleculer_package.ts";
import { type NotRun, notRun } from "./result.ts";

/** Whom the goals are about. */
export const TROUPE = "Troupe";

/** One row of the tables. */
export interface Contestant {
  readonly name: string;
  /** The scenarios it knows: ids, or the parts before their dots. */
  readonly scenarios: readonly string[];
  /** Gets it ready to run: once, before the rounds. */
  readonly prepare: () => Promise<Command | NotRun>;
  /** Fewer of a scenario's things than the others, where as many would need more memory than there is. */
  readonly countMax?: Readonly<Record<string, number>>;
}

/** Actors of S8 that are enough to divide by, for those that need kilobytes each. */
const FEWER_ACTORS = { "S8.spawn": 200_000 };

/** Everybody, in the order in which they run in each round. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: TROUPE, scenarios: ["S1", "S2", "S3", "S4", "S7", "S8"], prepare: script("./troupe.ts") },
  { name: TROUPE, scenarios: ["S5.tell", "S6"], prepare: script("./troupe_remote.ts") },
  {
    name: TROUPE,
    scenarios: ["S5.stopped-receiver", "S9", "S10", "S12"],
    prepare: script("./troupe_cluster.ts"),
  },
  { name: TROUPE, scenarios: ["S14"], prepare: script("./simulator.ts") },
  { name: "nact", scenarios: ["S1", "S2", "S8.spawn"], prepare: script("./peers/nact.ts"), countMax: FEWER_ACTORS },
  { name: "xstate", scenarios: ["S1", "S8.spawn"], prepare: script("./peers/xstate.ts"), countMax: FEWER_ACTORS },
  { name: "comedy", scenarios: ["S3.main-to-worker"], prepare: script("./peers/comedy.ts") },
  { name: "moleculer", scenarios: ["S5.tell", "S6"], prepare: moleculerCommand },
  { name: "GoAkt", scenarios: ["S1", "S2", "S5.tell", "S6", "S8"], prepare: () => goAktCommand({}) },
  { name: "GoAkt, batch tell", scenarios: ["S5.tell"], prepare: () => goAktCommand({}) },
  { name: "GoAkt, one core", scenarios: ["S1", "S2", "S8"], prepare: () => goAktCommand({ GOMAXPROCS: "1" }) },
  floor("floor: direct call", ["S1"]),
  floor("floor: bare queue", ["S1"]),
  floor("floor: promise ask", ["S2"]),
  floor("floor: postMessage", ["S3", "S4", "S7"]),
  floor("floor: postMessage, transferred", ["S7"]),
  floor("floor: waitAsync", ["S4.one-in-flight"]),
  floor("floor: ws, a message each", ["S5.tell"]),
  floor("floor: ws, batches", ["S5.tell"]),
  floor("floor: ws echo", ["S6"]),
  floor("floor: ws echo, two hops", ["S6.one-in-flight"]),
  floor("floor: bare ring", ["S7"]),
  floor("floor: bare ring, reused bytes", ["S7"]),
  floor("floor: bare map", ["S8.spawn"]),
  { name: "floor: NATS KV", scenarios: ["S12"], prepare: natsFloor },
];

/** Whether `contestant` runs the scenario `id`. */
export function takesPartIn({ scenarios }: Contestant, id: string): boolean {
  return scenarios.some((name) => id === name || id.startsWith(`${name}.`));
}

function floor(name: string, scenarios: readonly string[]): Contestant {
  return { name, scenarios, prepare: script("./floors.ts") };
}

async function natsFloor(): Promise<Command | NotRun> {
  const { exitCode } = await runChild({ file: "nats-server", arguments: ["--version"] }, 10_000);
  return exitCode === 0 ? await script("./nats_floor.ts")() : notRun("there is no nats-server on this machine");
}

function script(path: string): Contestant["prepare"] {
  return () => Promise.resolve(scriptCommand(path) ?? notRun(`bench/${path.slice(2)} is not there`));
}
