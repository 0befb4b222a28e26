/**
 * What the nodes of `surface.test.ts` run, all of them in one process: small kinds, one for each thing to look at. Run again
 * by every worker, so nothing stands above `startNode` but declarations.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import {
  ActorSystem,
  type AnyKind,
  type ClusterOptions,
  kind,
  memoryStore,
  staticDiscovery,
  type StopReason,
  type SystemOptions,
  topic,
} from "../../mod.ts";
import { announce, announcedPlan, type Plan } from "../fixtures/plan.ts";
import { quietLog } from "../fixtures/quiet_log.ts";

/** Counts, and says which life of which activation counts. */
export const Counter = kind("counter", {
  state: (init: { readonly from: number } | undefined) => ({ count: init?.from ?? 0, life: randomUUID() }),
  handlers: {
    add(ctx, amount: number): number {
      return ctx.state.count += amount;
    },
    life: (ctx): string => ctx.state.life,
    total: (ctx): number => ctx.state.count,
    stop: (ctx): void => ctx.stop(),
  },
});

/** A grain that begins where it is asked for. */
export const Homebody = kind("homebody", {
  placement: "local",
  state: () => ({ life: randomUUID() }),
  handlers: { life: (ctx): string => ctx.state.life },
});

/** A grain that begins in turns. */
export const Nomad = kind("nomad", {
  placement: "round-robin",
  state: () => ({ life: randomUUID() }),
  handlers: { life: (ctx): string => ctx.state.life },
});

/** Only where the role is. */
export const Specialist = kind("specialist", {
  role: "blue",
  state: () => ({ life: randomUUID() }),
  handlers: { life: (ctx): string => ctx.state.life },
});

/** A grain that is begun anew at once where its node is gone. */
export const Restless = kind("restless", {
  relocation: "eager",
  state: () => ({ life: randomUUID() }),
  handlers: { life: (ctx): string => ctx.state.life },
});

/** An actor that ends with its node. */
export const Loyal = kind("loyal", {
  relocation: "none",
  state: () => ({ life: randomUUID() }),
  handlers: { life: (ctx): string => ctx.state.life },
});

/** Ends its worker. */
export const Bomb = kind("bomb", {
  state: () => ({ life: randomUUID() }),
  handlers: {
    life: (ctx): string => ctx.state.life,
    async explode(): Promise<void> {
      setTimeout(() => {
        throw new Error("thrown in a timer");
      }, 0);
      await new Promise<never>(() => {});
    },
  },
});

/** Watches counters, and remembers how they ended. Begins where it is asked for. */
export const Watcher = kind("watcher", {
  placement: "local",
  state: () => ({ ended: [] as (readonly [key: string, reason: StopReason])[] }),
  handlers: {
    watch(ctx, name: string) {
      ctx.watch(ctx.actor(Counter, name));
    },
    unwatch(ctx, name: string) {
      ctx.unwatch(ctx.actor(Counter, name));
    },
    ended: (ctx): readonly (readonly [key: string, reason: StopReason])[] => ctx.state.ended,
  },
  onTerminated(ctx, ref, reason) {
    ctx.state.ended.push([ref.key, reason]);
  },
});

/** Values with the name of their publisher. */
export const News = topic<readonly [from: string, index: number]>("news");

/** Hears the news. */
export const Listener = kind("listener", {
  state: () => ({ heard: [] as (readonly [from: string, index: number])[] }),
  handlers: {
    listen(ctx) {
      ctx.subscribe(News, "hear");
    },
    hear(ctx, item: readonly [from: string, index: number]) {
      ctx.state.heard.push(item);
    },
    heard: (ctx): readonly (readonly [from: string, index: number])[] => ctx.state.heard,
  },
  mailbox: 1 << 12,
});

/** Makes the news. */
export const Publisher = kind("publisher", {
  handlers: {
    publish(ctx, count: number): void {
      for (let index = 0; index < count; index++) ctx.publish(News, [ctx.name, index]);
    },
  },
});

const KINDS: readonly AnyKind[] = [
  Bomb,
  Counter,
  Homebody,
  Nomad,
  Specialist,
  Restless,
  Loyal,
  Watcher,
  Listener,
  Publisher,
];

/** One node: its port, the ports of all, and what differs. */
export interface NodePlan {
  readonly port: number;
  readonly ports: readonly number[];
  readonly roles?: readonly string[];
  readonly cluster?: Partial<ClusterOptions>;
  readonly options?: Partial<SystemOptions>;
}

/** Starts a node of the cluster `plan.name`. In a worker it never returns. */
export async function startNode(plan: Plan, node: NodePlan): Promise<ActorSystem> {
  announce(plan);
  const { port, ports, roles = [], cluster, options } = node;
  return await ActorSystem.start({
    name: plan.name,
    entry: import.meta.url,
    kinds: KINDS,
    workers: plan.workers,
    log: quietLog,
    listen: { port },
    cluster: {
      discovery: staticDiscovery({ addresses: ports.map((one) => `127.0.0.1:${one}`) }),
      minimumPeersQuorum: Math.min(2, ports.length),
      roles,
      profile: "fast",
      ...cluster,
    },
    ...(plan.workers === 0 ? { store: memoryStore() } : {}),
    ...options,
  });
}

const plan = announcedPlan<Plan>();
if (plan !== undefined) await startNode(plan, { port: 0, ports: [1] });
