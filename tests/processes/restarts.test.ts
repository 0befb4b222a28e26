/**
 * Processes of a cluster that end, hang, come back, and come in wrong.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Asks, judgeAsks } from "./asks.ts";
import { readBooks } from "./customers.ts";
import type { NodeChild, Outcome } from "./node_child.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { NodeGroup } from "./node_group.ts";
import { judgeRuns } from "./run_log.ts";

const ASK_MS = 5_000;

describe("processes that end and come back", { timeout: 180_000 }, () => {
  let group: NodeGroup;
  const asks = new Asks();
  let count = 0;
  let put = 0;

  before(async () => {
    const seeds = ["a", "b", "c"];
    group = await NodeGroup.create({ names: [...seeds, "d"], seeds, minimumPeersQuorum: 2, profile: "fast" });
    await group.start(...seeds);
    await group.settled(...seeds);
  });

  after(() => group.end());

  it("what ran on a killed one goes on as its kind says, who watched it is told, and it begins again as another", async () => {
    const [a, b, c] = [group.node("a"), group.node("b"), group.node("c")];
    const old = await idOf("c");
    await spawn(c, "tracer", "eager");
    await spawn(c, "loyal", "loyal");
    const restless = await grainsOf(c, "restless", "where");
    const lazy = await grainsOf(c, "tracer", "life");
    await ask(a, "grain", "watcher", "watches", "watch", ["eager"]);
    await ask(a, "actor", "tracer", "eager", "life");
    const seen = [a, b].map(({ facts }) => facts.length);

    await c.kill();
    for (const [index, node] of [a, b].entries()) {
      const { fact } = await group.saw(node, "nodeLeft", ({ node: { id } }) => id === old, seen[index]);
      assert.equal(fact.type === "nodeLeft" && fact.reason, "lost");
    }

    const told = await group.eventually("the watcher is told", async () => {
      const ended = await ask(a, "grain", "watcher", "watches", "ended");
      return Array.isArray(ended) && ended.length > 0 && ended;
    });
    assert.deepEqual(told, [["eager", "node-lost"]]);
    await group.eventually("what is eager runs again", async () => {
      const keys = [...await keysAt(a), ...await keysAt(b)];
      return keys.includes("eager") && restless.every((name) => keys.includes(`restless:${name}`));
    });
    const keys = [...await keysAt(a), ...await keysAt(b)];
    for (const name of lazy) assert.ok(!keys.includes(`tracer:${name}`), `${name} waits to be asked`);
    for (const name of lazy) await ask(b, "grain", "tracer", name, "life");
    assert.equal(await a.value({ do: "locate", kind: "loyal", name: "loyal" }), null);
    await spawn(b, "loyal", "loyal");
    for (const [index, node] of [a, b].entries()) {
      const { fact } = await group.saw(node, "relocationDone", ({ node: id }) => id === old, seen[index]);
      if (fact.type !== "relocationDone") continue;
      const { held, relocated, released, excluded, failed } = fact.report;
      assert.equal(held, relocated + released + excluded + failed, JSON.stringify(fact.report));
    }
    await group.ready(group.begin("c"));
    const reports = await group.settled("a", "b", "c");
    assert.ok(reports.every(({ id }) => id !== old), "it has another id");
  });

  it("one that was held until the others gave it up comes back as another", async () => {
    const held = group.node("b");
    const old = await idOf("b");
    held.hold();
    await Promise.all(
      ["a", "c"].map((name) => group.saw(group.node(name), "nodeLeft", ({ node: { id } }) => id === old)),
    );
    held.letGo();
    await group.saw(held, "nodeFenced", ({ node }) => node === old);
    const reports = await group.settled("a", "b", "c");
    assert.ok(reports.every(({ id }) => id !== old));
  });

  it("one that leaves under load costs its askers nothing, and hands its singleton on", async () => {
    const where = await group.node("a").value({ do: "singleton", kind: "keeper", name: "the-keeper" });
    const leaver = await nodeWith(where);
    const clients = group.running.filter((node) => node !== leaver);
    const names = Array.from({ length: 20 }, (_, index) => `busy-${index}`);
    for (const name of names) await ask(group.node("b"), "grain", "tracer", name, "life");
    let isOver = false;
    const failures: Outcome[] = [];
    const load = clients.flatMap((client) =>
      Array.from({ length: 4 }, async (_, lane) => {
        for (let turn = lane; !isOver; turn += 4) {
          const attempt = `leave-${++count}`;
          const name = names[turn % names.length] ?? "";
          await asks.ask(client, attempt, {
            ...{ do: "ask", to: "grain", kind: "tracer", name, handler: "spin", args: [attempt, 0] },
            timeoutMs: ASK_MS,
          });
          const kept = await client.order({
            ...{ do: "ask", to: "actor", kind: "keeper", name: "the-keeper", handler: "where", args: [] },
            timeoutMs: ASK_MS,
          });
          if (kept.kind !== "value") failures.push(kept);
        }
      })
    );
    const { attempts } = asks;
    await group.eventually("there is load", () => attempts.length > 200);
    const began = performance.now();
    await leaver.value({ do: "leave" });
    const tookMs = performance.now() - began;
    await leaver.whenEnded();
    assert.deepEqual(leaver.exit, { code: 0, signal: null });
    const sofar = attempts.length;
    await group.eventually("the load goes on", () => attempts.length > sofar + 200);
    isOver = true;
    await Promise.all(load);
    failures.push(...attempts.flatMap(({ outcome }) => outcome.kind === "value" ? [] : [outcome]));
    assert.deepEqual(failures, [], `the leave took ${tookMs} ms`);
    assert.ok(tookMs < 15_000, `${tookMs}`);
    await group.settled(...clients.map(({ name }) => name));
    const [client] = clients;
    const oldest = (await client?.report())?.leader;
    assert.equal(await client?.value({ do: "locate", kind: "keeper", name: "the-keeper" }), oldest);
    await group.ready(group.begin(leaver.name));
    await group.settled("a", "b", "c");
  });

  it("one joins while another is killed", async () => {
    const old = await idOf("a");
    const joining = group.begin("d");
    await group.node("a").kill();
    await group.ready(joining);
    const reports = await group.settled("b", "c", "d");
    assert.ok(reports.every(({ id }) => id !== old));
    await group.ready(group.begin("a"));
    await group.settled("a", "b", "c", "d");
    await joining.value({ do: "leave" });
    await group.settled("a", "b", "c");
  });

  it("without most of the seeds nothing is served, with an error for each; when they are back, all found a cluster anew", async () => {
    const [a, b, c] = [group.node("a"), group.node("b"), group.node("c")];
    await post(a, "money", 100);
    const old = await idOf("a");
    const seen = a.facts.length;
    await Promise.all([b.kill(), c.kill()]);
    await group.saw(a, "leaseFrozen", undefined, seen);
    const report = await a.report();
    assert.equal(report?.isReady, false);
    assert.match(report.reasons.join(), /lease/);
    const late = { do: "spawn", kind: "tracer", name: "too-late", placement: "local", timeoutMs: 500 } as const;
    const spawned = await a.order(late);
    assert.ok(spawned.kind === "failed", JSON.stringify(spawned));
    assert.ok(["lease-lost", "partition-unavailable"].includes(spawned.failure.code), JSON.stringify(spawned.failure));
    const asked = await a.order({
      ...{ do: "ask", to: "grain", kind: "account", name: "money", handler: "balance", args: [] },
      timeoutMs: 500,
    });
    assert.ok(asked.kind === "failed", JSON.stringify(asked));
    await Promise.all(["b", "c"].map((name) => group.ready(group.begin(name))));
    const reports = await group.settled("a", "b", "c");
    assert.ok(reports.every(({ id }) => id !== old), "the one that was left has given up its life, too");
    assert.equal(await post(group.node("b"), "money", 11), 111);
  });

  it("all are killed at once and begin again: another cluster, the same money, and no save is refused", async () => {
    const before = generations();
    for (const name of ["a", "b", "c"]) await post(group.node(name), `account-of-${name}`, 50);
    await Promise.all(["a", "b", "c"].map((name) => group.node(name).kill()));
    await group.start("a", "b", "c");
    await group.settled("a", "b", "c");
    for (const name of ["a", "b", "c"]) {
      for (const other of ["a", "b", "c"]) {
        assert.ok(Number(await post(group.node(other), `account-of-${name}`, 1)) > 50);
      }
    }
    assert.ok(Math.max(...generations()) > Math.max(...before), "their tokens are of a later generation");
  });

  it("kept every promise", async () => {
    const runs = group.runs();
    const problems = [...judgeRuns(runs, group.standstills), ...judgeAsks(asks.attempts, runs)];
    const { balance, deposited } = readBooks(group.storePath);
    if (balance !== put || deposited !== put) {
      problems.push(`${put} cents were put in, the books say ${balance} of ${deposited}`);
    }
    if (problems.length > 0) assert.fail(`${problems.join("\n")}\n${await group.describe()}`);
  });

  it("all leave at once, and are gone soon", async () => {
    const nodes = ["a", "b", "c"].map((name) => group.node(name));
    const began = performance.now();
    await Promise.all(nodes.map((node) => node.value({ do: "leave" })));
    await Promise.all(nodes.map((node) => node.whenEnded()));
    const tookMs = performance.now() - began;
    assert.deepEqual(nodes.map(({ exit }) => exit), nodes.map(() => ({ code: 0, signal: null })));
    assert.ok(tookMs < 15_000, `it took ${tookMs} ms`);
  });

  async function idOf(name: string): Promise<string> {
    const report = await group.node(name).report();
    assert.ok(report !== undefined, `${name} says who it is`);
    return report.id;
  }

  async function nodeWith(id: unknown): Promise<NodeChild> {
    for (const node of group.running) if ((await node.report())?.id === id) return node;
    assert.fail(`no node has the id ${id}`);
  }

  async function spawn(node: NodeChild, kind: string, name: string): Promise<void> {
    await group.eventually(`${name} is spawned`, async () => {
      const outcome = await node.order({ do: "spawn", kind, name, placement: "local", timeoutMs: ASK_MS });
      assert.ok(outcome.kind !== "failed" || outcome.failure.code !== "name-taken", `${name} is free`);
      return outcome.kind === "value";
    });
  }

  /** Grains of a kind that run on `node` now: some of many. */
  async function grainsOf(node: NodeChild, kind: string, handler: string): Promise<readonly string[]> {
    const names = Array.from({ length: 40 }, (_, index) => `${kind}-${++count}-${index}`);
    for (const name of names) await ask(node, "grain", kind, name, handler);
    const keys = await keysAt(node);
    const here = names.filter((name) => keys.includes(`${kind}:${name}`));
    assert.ok(here.length > 0);
    return here;
  }

  async function keysAt(node: NodeChild): Promise<readonly string[]> {
    const keys = await node.value({ do: "actors", node: await idOf(node.name) });
    return Array.isArray(keys) ? keys.map(String) : [];
  }

  /** The reply of an actor, asked again until there is one: for what may happen twice. */
  async function ask(
    node: NodeChild,
    to: "grain" | "actor",
    kind: string,
    name: string,
    handler: string,
    args: readonly unknown[] = [],
  ): Promise<unknown> {
    return (await group.eventually(`${name} answers at ${node.name}`, async () => {
      const outcome = await node.order({ do: "ask", to, kind, name, handler, args, timeoutMs: ASK_MS });
      return outcome.kind === "value" ? outcome : undefined;
    })).value;
  }

  /** Puts money in, and answers what there is then. */
  async function post(node: NodeChild, account: string, cents: number): Promise<unknown> {
    const posting = `posting-${++count}`;
    put += cents;
    await group.eventually(`${posting} is posted`, async () => {
      const attempt = `${posting}-${++count}`;
      const args = [posting, attempt, cents, true];
      const order = { do: "ask", to: "grain", kind: "account", name: account, handler: "post", args } as const;
      const outcome = await asks.ask(node, attempt, { ...order, timeoutMs: ASK_MS });
      assert.ok(outcome.kind !== "failed" || outcome.failure.code !== "fenced-write", "no save is refused");
      return outcome.kind === "value";
    });
    return await ask(node, "grain", "account", account, "balance");
  }

  /** Of all tokens that ran. */
  function generations(): readonly number[] {
    return [
      0,
      ...group.runs().flatMap(({ activation }) => {
        const [, generation] = /^([0-9a-f]{8})\./.exec(activation) ?? [];
        return generation === undefined ? [] : [Number.parseInt(generation, 16)];
      }),
    ];
  }
});

describe("processes that come in wrong", { timeout: 60_000 }, () => {
  let group: NodeGroup;
  let good: NodeChild;

  before(async () => {
    const secret = "the right secret of these tests, long enough";
    const options = { minimumPeersQuorum: 1, profile: "fast", secret, bootstrapTimeoutMs: 4_000 } as const;
    group = await NodeGroup.create({ names: ["good", "stranger", "other", "uneven", "lonely", "late"], ...options });
    good = group.begin("good", { addresses: [`127.0.0.1:${group.portsOf("good").advertised}`] });
    await group.ready(good);
  });

  after(() => group.end());

  it("are refused, with who refused them and why", async () => {
    const addresses = [good.address];
    const [nobody] = await freePorts(1);
    const secret = "another secret than theirs, as long as it";
    const two = { addresses, minimumPeersQuorum: 2 };
    const stranger = group.begin("stranger", { ...two, secret });
    const other = group.begin("other", { ...two, cluster: "others" });
    const uneven = group.begin("uneven", { ...two, partitionCount: 17 });
    const lonely = group.begin("lonely", { addresses: [`127.0.0.1:${nobody}`], minimumPeersQuorum: 3 });
    const late = group.begin("late", { port: good.settings.port, advertisedPort: good.settings.port });

    for (const [node, reason] of [[stranger, "secret"], [other, "others"], [uneven, "partitionCount"]] as const) {
      const { code, fate, message } = await group.refused(node);
      assert.deepEqual([code, fate], ["bootstrap-timeout", "not-delivered"], message);
      assert.ok(message.includes(good.address) && message.includes(reason), message);
    }
    const { code, message } = await group.refused(lonely);
    assert.equal(code, "bootstrap-timeout");
    assert.match(message, /\b2 more\b/);
    const taken = await group.refused(late);
    assert.equal(taken.code, "start-failed");
    assert.ok(taken.message.includes(`${good.settings.port}`), taken.message);
    for (const node of [stranger, other, uneven, lonely, late]) {
      await node.whenEnded();
      assert.deepEqual(node.exit, { code: 0, signal: null }, `${node.name} ends by itself`);
    }
    assert.deepEqual((await good.report())?.members.length, 1);
  });
});
