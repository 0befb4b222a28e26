import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError, kind } from "../../mod.ts";
import { always, simulate, type SimulateOptions } from "../../testkit/simulate.ts";
import { blocksOf, page } from "../docs/markdown.ts";

const Counter = kind("counter", {
  state: () => ({ count: 0 }),
  store: true,
  handlers: {
    async add(ctx, amount: number): Promise<number> {
      ctx.state.count += amount;
      await ctx.save();
      return ctx.state.count;
    },
  },
});

const Clerk = kind("clerk", {
  placement: "local",
  handlers: {
    count: (ctx): Promise<number> => ctx.grain(Counter, "a").with({ timeoutMs: 1_000 }).ask.add(1),
    bad(): void {
      throw new ActorError("out-of-words", "nothing\nto say");
    },
    broken(): void {
      throw new TypeError("no such thing");
    },
    write(ctx): void {
      ctx.actor(Clerk, "nobody").tell.bad();
    },
  },
});

const kinds = [Counter, Clerk];
const LINE = /^ {0,7}\d+\.\d{3} s {2}(?:n\d ?|--) {2}\S.*$/;

/** A world that is traced, and what its lines say from when the cluster has come together. */
async function traced(options: Partial<SimulateOptions> = {}) {
  const lines: string[] = [];
  const world = simulate({ nodes: 3, seed: 7, kinds, trace: (line) => void lines.push(line), ...options });
  await world.ready();
  const begun = lines.length;
  return {
    world,
    lines,
    said: () => lines.slice(begun).map((line) => line.slice(line.indexOf(" s  ") + 4)),
    has: (text: RegExp) => assert.ok(lines.some((line) => text.test(line)), `${text} in\n${lines.join("\n")}`),
  };
}

describe("the trace of a simulated world", () => {
  it("is what docs/SIMULATION.md shows of its program", async () => {
    const { world, said } = await traced({ nodes: 5, seed: 42 });
    const visits = (node: number) => world.node(node).grain(Counter, "visits");
    await visits(0).ask.add(1);
    const first = said().length;
    world.split([0, 1], [2, 3, 4]);
    await world.run("20s");
    await visits(3).ask.add(1);
    await visits(0).ask.add(100).catch(() => {});
    world.heal();
    await world.ready();
    await visits(0).ask.add(1);
    const blocks = blocksOf(page("docs/SIMULATION.md")).map(({ text }) => text);
    const shown = blocks.find((text) => text.includes(" s  --  split")) ?? "";
    assert.deepEqual(said().slice(first), shown.split("\n").map((line) => line.slice(line.indexOf(" s  ") + 4)));
  });

  it("tells of a message from its ask to its end, one thing a line, in one form", async () => {
    const { world, lines, said } = await traced();
    await world.node(0).grain(Clerk, "c").ask.count();
    const told = said().map((line) => line.slice(4));
    assert.deepEqual(told, [
      "begins clerk:c: activation",
      "runs clerk:c count",
      "begins counter:a: activation",
      "runs counter:a add",
      "saves counter:a",
    ]);
    for (const line of lines) assert.match(line, LINE);
  });

  it("tells of failures, each where it is, in one line", async () => {
    const { world, lines, has } = await traced();
    const clerk = await world.node(1).spawn("joe", Clerk);
    await clerk.ask.bad().catch(() => {});
    await clerk.ask.broken().catch(() => {});
    await clerk.ask.write();
    await world.run("2s");
    await world.node(2).spawn("joe", Clerk).catch(() => {});
    await world.node(0).stop("joe");
    world.crash(2);
    await world.node(2).grain(Clerk, "c").ask.count().catch(() => {});
    has(/n1 {2}begins joe: spawn$/);
    has(/n1 {2}fails joe bad: out-of-words, delivered: nothing to say$/);
    has(/n1 {2}ask of joe bad ends: out-of-words, delivered: nothing to say$/);
    has(/n1 {2}fails joe broken: handler-failed, delivered: .*no such thing$/);
    has(/n1 {2}restarts joe in \d+ ms$/);
    has(/n1 {2}begins joe: restart$/);
    has(/n1 {2}loses a message to nobody.*: actor-not-found$/);
    has(/n2 {2}spawn of joe ends: name-taken, not-delivered: /);
    has(/n1 {2}ends joe: stop$/);
    has(/n2 {2}crashes$/);
    has(/n2 {2}ask of clerk:c count ends: node-lost, not-delivered: Cannot send from node 2: it is down$/);
    for (const line of lines) assert.match(line, LINE);
  });

  it("tells who waited in vain, and what the store did", async () => {
    const { world, has } = await traced({ store: { failPerMille: 300 } });
    for (let ask = 0; ask < 20; ask++) await world.node(0).grain(Counter, "a").ask.add(1).catch(() => {});
    has(/ask of counter:a add ends: store-failed, delivered/);
    has(/does not save counter:a: the store fails$/);
    has(/saves counter:a, but hears that the store fails$/);
    const calm = await traced();
    const clerks = [0, 1].map((node) => calm.world.node(node).grain(Clerk, `c${node}`)); // one is not with the counter
    for (const clerk of clerks) await clerk.ask.count();
    calm.world.split([0], [1], [2]);
    for (const clerk of clerks) await clerk.ask.count().catch(() => {});
    calm.has(
      /ask of counter:a add in clerk:c[01]\.count ends: [a-z-]+, unknown: Cannot deliver counter:a\.add: \w/,
    );
  });

  it("tells of the faults of a plan when they befall, and when they are over", async () => {
    const { world, said } = await traced({
      faults: [
        { kind: "pause", atMs: 100, host: 2, forMs: 50 },
        { kind: "clog", atMs: 200, from: 0, to: 1, forMs: 50 },
        { kind: "partition", atMs: 300, cut: 1, isOneWay: true, forMs: 50 },
        { kind: "partition", atMs: 400, cut: 5, isOneWay: false, forMs: 5_000 },
        { kind: "reset", atMs: 500, from: 0, to: 1 },
        { kind: "wallStep", atMs: 600, host: 0, byMs: -20 },
        { kind: "crash", atMs: 700, host: 1, downMs: 200, stays: false },
      ],
    });
    await world.run("1s");
    world.heal();
    assert.deepEqual(said(), [
      "n2  stands still for 50 ms",
      "n2  goes on",
      "--  clog n0 -> n1 begins",
      "--  clog n0 -> n1 ends",
      "--  one-way split n0 -> n1 n2 begins",
      "--  one-way split n0 -> n1 n2 ends",
      "--  split n0 n2 | n1 begins",
      "--  the connections of n0 and n1 break",
      "n0  has its wall clock set by -20 ms",
      "n1  crashes for 200 ms",
      "n1  begins again",
      "--  all is mended",
    ]);
  });

  it("ends with the claim that is broken", async () => {
    const { world, lines } = await traced();
    world.expect(always("nobody counts", () => world.saved(Counter).size === 0));
    await assert.rejects(world.node(0).grain(Counter, "a").ask.add(1), /nobody counts/);
    assert.match(lines.findLast((line) => line.includes("--")) ?? "", /the world ends: It does not always hold that/);
  });

  it("changes nothing, and has frames only where they are wished for", async () => {
    const run = async (trace: SimulateOptions["trace"]) => {
      const world = simulate({ nodes: 4, seed: 9, kinds, faults: "aggressive", trace });
      const asked: Promise<number>[] = [];
      for (let second = 0; second < 20; second++) {
        world.node(second % 4).grain(Clerk, `c${second % 3}`).tell.count();
        asked.push(world.node(second % 3).grain(Counter, "b").ask.add(1));
        await world.run("1s");
      }
      await Promise.allSettled(asked); // a world goes on for as long as somebody waits
      return `${world.hash} ${JSON.stringify([...world.saved(Counter)])}`;
    };
    const [some, all]: [string[], string[]] = [[], []];
    const untraced = await run(undefined);
    assert.equal(await run((line) => void some.push(line)), untraced);
    assert.equal(await run({ line: (line) => void all.push(line), frames: true }), untraced);
    for (const line of some) assert.match(line, LINE);
    assert.ok(all.length > 5 * some.length, `${all.length} lines with frames, ${some.length} without`);
    assert.deepEqual(all.filter((line) => LINE.test(line)), some);
  });
});
