/**
 * A whole cluster in one thread, for tests of your own actors: as many nodes as you like, a network that splits,
 * processes that crash, a store that loses answers, and a clock that you move. The same seed gives the same world.
 *
 * ```ts
 * const world = simulate({ nodes: 5, seed: 42, faults: "aggressive", kinds: [Account, Transfer] });
 * const saved = () => [...world.saved<{ balance: number }>(Account).values()];
 * world.expect(always("no account owes money", () => saved().every(({ balance }) => balance >= 0)));
 * const alice = world.node(0).grain(Account, "alice");
 * await alice.ask.deposit("d1", 100);
 * world.split([0, 1], [2, 3, 4]);
 * await world.run("30s");
 * ```
 *
 * Handlers are the ones you ship. They take time, chance and timers from their context; what takes them from elsewhere
 * fails, and says what to use. Watched all the time: one activation of a name at a time, no message twice, messages of
 * one sender in their order.
 *
 * @module
 */
import type { AnyKind, Kind } from "../core/kind.ts";
import type { ActorRef } from "../core/ref.ts";
import type { Expectation } from "./expectations.ts";
import type { SimStoreSettings } from "./sim_store.ts";
import { WorldOfActors } from "./simulated_world.ts";
import type { Faults } from "./user_faults.ts";

export { always, eventually, type Expectation } from "./expectations.ts";
export { type FaultsOptions, toFaults } from "./drawn_faults.ts";
export type { Fault } from "./fault_plan.ts";
export type { FaultChoice, Faults } from "./user_faults.ts";
export type { SimStoreSettings } from "./sim_store.ts";

/** What a world is made of. */
export interface SimulateOptions {
  /** Nodes, 1 to 30. */
  readonly nodes: number;
  /** A whole number from 0: delays, losses, faults and `ctx.random()`. */
  readonly seed: number;
  /** Every kind of actor that lives in it. */
  readonly kinds: readonly AnyKind[];
  /** What goes wrong; `"none"` unless said otherwise. A plan's times count from when the cluster has come together. */
  readonly faults?: Faults;
  /** How the store behaves, whatever `faults` says of it. */
  readonly store?: Partial<SimStoreSettings>;
  /** What `ctx.use` gives, by the name of the resource: the same thing on all nodes. */
  readonly resources?: Readonly<Record<string, unknown>>;
  /** Milliseconds an ask waits unless it says otherwise. */
  readonly askTimeoutMs?: number;
  /** Hears one line for each thing that happens to actors and to their nodes. Changes nothing of the run. */
  readonly trace?: ((line: string) => void) | TraceOptions;
}

/** Who hears what happens, and how much of it. */
export interface TraceOptions {
  /** Hears one line for each thing that happens. */
  readonly line: (line: string) => void;
  /** Whether it hears of each frame between the machines of the cluster too: thousands of lines. Default `false`. */
  readonly frames?: boolean;
}

/** One host of a world. Its process may crash and begin again; the host stays. */
export interface SimulatedNode {
  /** A grain by name, as this node sees it. Throws `invalid-name`, `kind-unknown`. */
  grain<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P>;
  /** An actor by name, whether or not it runs. Throws `invalid-name`, `kind-unknown`. */
  actor<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P>;
  /** Starts an actor on this node. Rejects with `name-taken`, `invalid-name`, `kind-unknown`, `start-failed`, `node-lost`. */
  spawn<P, Init>(
    name: string,
    kind: Kind<P, Init>,
    ...init: Init extends void ? [] : [init: Init]
  ): Promise<ActorRef<P>>;
  /** Ends an actor by its name, wherever it is. */
  stop(name: string): Promise<void>;
  /** Whether its process runs. */
  readonly isUp: boolean;
}

/** Milliseconds, or a number with its unit: `500`, `"30s"`, `"5m"`. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m`;

/** A simulated cluster. Nothing happens in it until somebody waits: for an answer, or in {@link SimulatedWorld.run}. */
export interface SimulatedWorld {
  /** Simulated milliseconds since the world began. */
  readonly nowMs: number;
  /** Sixteen digits that say what happened: equal for equal runs. */
  readonly hash: string;
  /** What happened so far, in numbers: events of the world, handlers and hooks that began, writes refused for their token. */
  readonly counts: { readonly events: number; readonly runs: number; readonly fencedWrites: number };
  /** What actors have logged as warnings and errors. */
  readonly logged: readonly string[];
  /**
   * Handlers that have waited for something outside of the world, such as a timer of the platform, and how often. The
   * world stands still in real time then, and nothing promises that such a run can be repeated.
   */
  readonly outside: ReadonlyMap<string, number>;
  /** One host, by its index from 0. Throws `invalid-options` when there is none. */
  node(index: number): SimulatedNode;
  /**
   * Lets time pass until every node that is up has a lease: the cluster has come together. Asks, spawns and `run` do
   * this by themselves once; a tell before it may be lost.
   */
  ready(withinMs?: number): Promise<void>;
  /**
   * Lets time pass, at most thirty days. Rejects with the first broken claim or promise, with what a handler may not do,
   * and with `invalid-options`.
   */
  run(duration: Duration): Promise<void>;
  /** Claims something of this world from now on: see {@link always} and {@link eventually}. Throws `invalid-options`. */
  expect(expectation: Expectation): void;
  /** The process of a node is gone with its memory. It stays down until {@link restart} or {@link heal}. Throws `invalid-options`. */
  crash(index: number): void;
  /** A node that is down begins again, with a new identity. Throws `invalid-options`. */
  restart(index: number): void;
  /**
   * The groups hear nothing of each other, until {@link heal}. A node in no group is alone. Throws `invalid-options` for
   * a node that isn't there, and for one that is in two places.
   */
  split(...groups: readonly (readonly number[])[]): void;
  /** Everything is mended: the network is whole, the store answers, nodes that are down begin again, no fault comes. */
  heal(): void;
  /** What the store holds of a kind's grains, decoded, by name. Throws `kind-unknown`. */
  saved<State = unknown>(kind: { readonly name: string }): ReadonlyMap<string, State>;
}

/**
 * Makes a world. The cluster comes together when somebody first waits for something in it.
 *
 * @throws {ActorError} `invalid-options` with everything that is wrong with them: unknown names, values out of range,
 * faults that could befall nobody, declarations of kinds with problems.
 */
export function simulate(options: SimulateOptions): SimulatedWorld {
  return new WorldOfActors(options);
}
