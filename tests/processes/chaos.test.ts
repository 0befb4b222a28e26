/**
 * A cluster of real processes to which everything happens that can: one is killed, one is held past its lease, one is cut
 * off in both directions, one cannot speak, one cannot hear, while customers move money through all of them. What is
 * promised must hold all along: `run_log.ts`, `asks.ts` and `node_facts.ts` say what is looked at, and at the end the books
 * must balance.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { FATE_OF_CODE } from "../../mod.ts";
import { judgeAsks } from "./asks.ts";
import { Customers, readBooks } from "./customers.ts";
import { around, Doors, into, outOf } from "./cuts.ts";
import type { NodeChild } from "./node_child.ts";
import { judgeFacts } from "./node_facts.ts";
import { NodeGroup } from "./node_group.ts";
import { judgeRuns } from "./run_log.ts";

const NAMES = ["a", "b", "c", "d", "e"] as const;
type Name = typeof NAMES[number];

const ACCOUNTS = Array.from({ length: 10 }, (_, index) => `account-${index}`);
const GRAINS = Array.from({ length: 8 }, (_, index) => ({ to: "grain", name: `tracer-${index}` }) as const);
const ACTORS = Array.from({ length: 4 }, (_, index) => ({ to: "actor", name: `spawned-${index}` }) as const);
const MOVERS = 8;
const TRACERS = 4;
/** Answers that make a load. */
const WARM = 200;

describe("a cluster of processes", { timeout: 240_000 }, () => {
  let group: NodeGroup;
  let doors: Doors;
  let customers: Customers;
  let isBroken = false;

  before(async () => {
    group = await NodeGroup.create({ names: NAMES }, true);
    doors = await Doors.open(NAMES.map((name) => {
      const { own, advertised } = group.portsOf(name);
      return { name, ownPort: own, doorPort: advertised };
    }));
    customers = new Customers(group, { accounts: ACCOUNTS, tracers: [...GRAINS, ...ACTORS] });
  });

  after(async () => {
    await group.end();
    await doors.close();
  });

  step("is founded, and serves", async () => {
    await group.start(...NAMES);
    await group.settled(...NAMES);
    await customers.open();
    for (const { name } of ACTORS) {
      await group.node("a").value({ do: "spawn", kind: "tracer", name, placement: "random", timeoutMs: 5_000 });
    }
    customers.begin(MOVERS, TRACERS);
    await group.eventually("there is load", () => customers.asks.attempts.length > WARM);
  });

  step("goes on when one is killed, and takes in the process that begins at its address", async () => {
    await group.node("c").kill();
    await reachAll(["c"], "killed");
    await group.ready(group.begin("c"));
    await group.settled(...NAMES);
  });

  step("removes one that is held past its lease; it comes back as another, and nothing of before counts", async () => {
    const held = group.node("b");
    const old = await idOf("b");
    held.hold();
    await isRemoved(old, ["b"]);
    await reachAll(["b"], "held");
    held.letGo();
    await group.saw(held, "nodeFenced", ({ node }) => node === old);
    const reports = await group.settled(...NAMES);
    assert.ok(reports.every(({ id }) => id !== old), "it has another id");
  });

  step(
    "freezes the smaller side of a split, and goes on; what was sent across comes late, and does no harm",
    async () => {
      await cutOff(["c", "d"], around, false);
    },
  );

  step("freezes one that nobody hears, and goes on; its connections are reset", async () => {
    await cutOff(["a"], outOf, true);
  });

  step("freezes one that hears nobody, and goes on", async () => {
    await cutOff(["b"], into, true);
  });

  step("kept every promise", async () => {
    await customers.end();
    const runs = group.runs();
    const problems = [
      ...judgeRuns(runs, group.standstills),
      ...judgeAsks(customers.asks.attempts, runs),
      ...judgeFacts(group.all),
    ];
    const { balance, deposited } = readBooks(group.storePath);
    const { deposited: put } = customers;
    if (balance !== put || deposited !== put) {
      problems.push(`${put} cents were put in, the books say ${balance} of ${deposited}`);
    }
    if (problems.length > 0) assert.fail(`${problems.join("\n")}\n${await group.describe()}`);
  });

  /** Each goes on from where the one before it ended; after one that failed there is nothing to go on from. */
  function step(claim: string, act: () => Promise<void>): void {
    it(claim, async () => {
      assert.ok(!isBroken, "not looked at: something before it failed");
      isBroken = true;
      await act();
      isBroken = false;
    });
  }

  /** Cuts ways between these and the rest until the rest goes on without them, and mends all. */
  async function cutOff(names: readonly Name[], waysOf: typeof around, isReset: boolean): Promise<void> {
    const side = await Promise.all(names.map(async (name) => {
      const node = group.node(name);
      return { node, old: await idOf(name), seen: node.facts.length };
    }));
    doors.cut(waysOf(names, NAMES));
    await Promise.all(side.map(async ({ node, seen }) => {
      await group.saw(node, "leaseFrozen", undefined, seen);
      await servesNothing(node);
    }));
    await Promise.all(side.map(({ old }) => isRemoved(old, names)));
    await reachAll(names, `cut-${names}`);
    doors.mend(isReset);
    await Promise.all(
      side.map(({ node, old, seen }) => group.saw(node, "nodeFenced", (fact) => fact.node === old, seen)),
    );
    await group.settled(...NAMES);
  }

  async function servesNothing(node: NodeChild): Promise<void> {
    const report = await node.report();
    assert.equal(report?.isReady, false, "a node without a lease says that it is not ready");
    assert.match(report.reasons.join(), /lease/);
    const asked = await node.order({
      ...{ do: "ask", to: "grain", kind: "account", name: ACCOUNTS[0] ?? "", handler: "balance", args: [] },
      timeoutMs: 500,
    });
    assert.ok(asked.kind === "failed" && Object.hasOwn(FATE_OF_CODE, asked.failure.code), JSON.stringify(asked));
  }

  /** All but these see that a node is out. */
  async function isRemoved(id: string, except: readonly Name[]): Promise<void> {
    await Promise.all(
      others(except).map((node) => group.saw(node, "nodeLeft", ({ node: { id: left } }) => left === id)),
    );
  }

  /** Every account answers at every node but these. */
  async function reachAll(except: readonly Name[], word: string): Promise<void> {
    await Promise.all(others(except).map((node) => customers.reachAll(node, word)));
  }

  async function idOf(name: Name): Promise<string> {
    const report = await group.node(name).report();
    assert.ok(report !== undefined, `${name} says who it is`);
    return report.id;
  }

  function others(except: readonly Name[]): readonly NodeChild[] {
    return NAMES.filter((name) => !except.includes(name)).map((name) => group.node(name));
  }
});
