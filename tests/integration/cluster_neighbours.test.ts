/**
 * Actors of one thread that send to each other in a cluster: in order, at most once, also while the receiver ends, begins
 * again here or elsewhere, and is opened for its neighbours anew each time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ActorSystem, kind } from "../../mod.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { startNodes } from "../fixtures/cluster_nodes.ts";
import { settles } from "../fixtures/conditions.ts";

/** What ran, in the order it ran: all nodes of these tests are in this process. */
const ran: { readonly sink: string; readonly from: string; readonly number: number }[] = [];

const Sink = kind("sink", {
  handlers: {
    put(_ctx, from: string, number: number) {
      ran.push({ sink: _ctx.name, from, number });
    },
    count: (ctx): number => ran.filter(({ sink }) => sink === ctx.name).length,
    end(ctx) {
      ctx.stop();
    },
  },
  placement: "round-robin",
  mailbox: 1 << 16,
});

const Source = kind("source", {
  state: () => ({ number: 0 }),
  handlers: {
    /** So many tells, a few at a time; the numbers go on from call to call. How many were taken. */
    async pump(ctx, to: string, count: number): Promise<number> {
      const sink = ctx.grain(Sink, to);
      let taken = 0;
      for (let index = 0; index < count; index++) {
        if (sink.tell.put(ctx.name, ++ctx.state.number)) taken++;
        if (index % 10 === 9) await ctx.sleep(1);
      }
      await sink.ask.count().catch(() => {});
      return taken;
    },
  },
  placement: "local",
});

describe("neighbours in a cluster", () => {
  let nodes: readonly ActorSystem[] = [];
  before(async () => {
    nodes = await startNodes({ kinds: [Sink, Source], ports: await freePorts(2), workers: 0, log: quietLog });
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it("send in order and at most once, whatever becomes of the receiver meanwhile", async () => {
    const [first, second] = nodes;
    assert.ok(first !== undefined && second !== undefined);
    const sinks = ["a", "b", "c", "d"];
    let taken = 0;
    for (let round = 0; round < 12; round++) {
      const pumps = nodes.flatMap((node, index) =>
        sinks.map(async (to) => {
          const count = await node.grain(Source, `${index}-${to}`).with({ timeoutMs: 20_000 }).ask.pump(to, 120);
          taken += count;
        })
      );
      const ends = sinks.map((to, index) => (index % 2 === 0 ? first : second).grain(Sink, to).tell.end());
      assert.ok(ends.every((isTaken) => isTaken));
      await settles("a round", Promise.all(pumps));
    }
    for (const to of sinks) await first.grain(Sink, to).with({ timeoutMs: 10_000 }).ask.count();
    const last = new Map<string, number>();
    for (const { sink, from, number } of ran) {
      const name = `${from} to ${sink}`;
      assert.ok(number > (last.get(name) ?? 0), `${name}: ${number} came after ${last.get(name)}`);
      last.set(name, number);
    }
    assert.ok(ran.length <= taken);
    assert.ok(ran.length > taken * 0.9, `${ran.length} of ${taken} ran`);
  });
});
