/**
 * The smallest whole program: one kind, one system, one actor. Runs on every thread of the node.
 *
 * @module
 */
import { ActorSystem, kind } from "../mod.ts";

const Counter = kind("counter", {
  state: () => ({ count: 0 }),
  handlers: {
    add(ctx, amount: number): void {
      ctx.state.count += amount;
    },
    total(ctx): number {
      return ctx.state.count;
    },
  },
});

// Every worker thread runs this file again and becomes a worker here; only the main thread goes on.
await using system = await ActorSystem.start({ name: "hello", entry: import.meta.url, kinds: [Counter] });

const visits = system.grain(Counter, "visits"); // no I/O: its first message brings it to life, on its worker
visits.tell.add(2); // send and go on
visits.tell.add(3);
console.log(`${visits.address} counted ${await visits.ask.total()}`); // number, inferred
