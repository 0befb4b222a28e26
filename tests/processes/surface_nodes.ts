/**
 * Three nodes of one cluster in one process, and what tests ask of them all the time.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type ActorSystem,
  type AnyRef,
  type ClusterFact,
  type EventType,
  type NodeId,
  type TroupeEvent,
} from "../../mod.ts";
import { eventually, settles } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { Counter, startNode } from "./surface_kinds.ts";

/** Facts that come with a view. */
export type ViewFact = Exclude<
  Extract<ClusterFact, { readonly epoch: number }>,
  { readonly type: "partitionDataLoss" }
>;

const VIEW_FACTS: readonly EventType[] = ["nodeJoined", "nodeLeaving", "nodeLeft", "leaderChanged"];

/** The nodes. */
export class ThreeNodes {
  readonly all: readonly [ActorSystem, ActorSystem, ActorSystem];
  readonly #workers: number;
  readonly #name: string;
  readonly #ports: readonly number[];
  readonly #spare: number;
  readonly #events: readonly TroupeEvent[][];

  private constructor(
    all: ThreeNodes["all"],
    plan: { readonly name: string; readonly workers: number },
    ports: readonly number[],
    spare: number,
  ) {
    this.all = all;
    this.#name = plan.name;
    this.#workers = plan.workers;
    this.#ports = ports;
    this.#spare = spare;
    this.#events = all.map((node) => {
      const seen: TroupeEvent[] = [];
      void (async () => {
        for await (const event of node.events()) seen.push(event);
      })();
      return seen;
    });
  }

  /** Founds the cluster: the first node has the role `red`, the others `blue`. */
  static async found(workers: number): Promise<ThreeNodes> {
    const [spare = 0, ...ports] = await freePorts(4);
    const plan = { name: freshName("surface"), workers };
    const started = await settles(
      "the beginning",
      Promise.all(ports.map((port, index) => startNode(plan, { port, ports, roles: [index === 0 ? "red" : "blue"] }))),
    );
    const [a, b, c] = started;
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    const nodes = new ThreeNodes([a, b, c], plan, ports, spare);
    await eventually(
      "all are ready",
      () => nodes.all.every((node) => node.health().isReady && node.members().length === 3),
    );
    return nodes;
  }

  /** Stops all that still run. */
  async end(): Promise<void> {
    await settles("the end", Promise.all(this.all.map((node) => node.stop({ timeoutMs: 10_000 }))));
  }

  /** One more, with these roles, always at the same address. */
  async join(roles: readonly string[]): Promise<ActorSystem> {
    const plan = { name: this.#name, workers: this.#workers };
    const ports = [...this.#ports, this.#spare];
    return await settles("the join", startNode(plan, { port: this.#spare, ports, roles }));
  }

  /** Any, in turns. */
  at(index: number): ActorSystem {
    const node = this.all[index % this.all.length];
    assert.ok(node !== undefined);
    return node;
  }

  get ids(): readonly NodeId[] {
    return this.all.map(idOf);
  }

  /** What a node has seen so far. */
  eventsOf(node: ActorSystem): readonly TroupeEvent[] {
    return this.#events[this.all.indexOf(node)] ?? [];
  }

  /** What came with views, from the `after`th event on. */
  viewFactsOf(node: ActorSystem, after: number): readonly ViewFact[] {
    return this.eventsOf(node).slice(after).filter(isViewFact);
  }

  /** The node whose list has the key, if one has. */
  async where(key: string): Promise<NodeId | undefined> {
    for (const id of this.ids) if ((await keysOf(this.at(0).actors({ node: id }))).includes(key)) return id;
    return undefined;
  }
}

/** The id of a node that is in a cluster. */
export function idOf(node: ActorSystem): NodeId {
  assert.ok(node.node !== undefined);
  return node.node.id;
}

/** The keys of a list. */
export async function keysOf(actors: AsyncIterable<AnyRef>): Promise<readonly string[]> {
  return (await Array.fromAsync(actors)).map(({ key }) => key);
}

/**
 * Resolves when a watch of a counter that was asked for at `node` has come to where the counter is: one more look-up, and
 * one more message, go the same ways behind it.
 */
export async function isWatched(node: ActorSystem, name: string): Promise<void> {
  assert.equal(await node.actorExists(name), true);
  await node.actor(Counter, name).ask.total();
}

function isViewFact(event: TroupeEvent): event is ViewFact {
  return VIEW_FACTS.includes(event.type);
}
