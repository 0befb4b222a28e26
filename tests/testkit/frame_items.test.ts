/**
 * Single frames that a plan makes late, or takes away.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { planFrom, planText } from "../../testkit/plan_text.ts";
import { planOf, USUAL_RECIPE } from "../../testkit/plan_recipe.ts";
import { OrderChecker } from "./gossip.ts";
import { gossipPlan, observe, type Read, readsOf } from "./observed.ts";

const AT_MS = 3_000;
const FOR_MS = 2_000;
const NO_OPERATION = (): never => {
  throw new RangeError("no operation");
};

function caught(kind: "hold" | "drop", from: number, to: number, count: number): readonly Read[] {
  const item = { kind, atMs: AT_MS, from, to, frame: "number", count, forMs: FOR_MS } as const;
  const { told } = observe(gossipPlan({ nodeCount: 2 }, item), new OrderChecker());
  return readsOf(told);
}

function duringCatch(reads: readonly Read[], host: number): readonly Read[] {
  return reads.filter((read) => read.host === host && read.atMs > AT_MS + 10 && read.atMs < AT_MS + FOR_MS);
}

/** Numbers that never came. */
function missing(reads: readonly Read[], host: number, lane: string): readonly number[] {
  const numbers = new Set(reads.filter((read) => read.host === host && read.lane === lane).map(({ number }) => number));
  return Array.from({ length: Math.max(...numbers) }, (_, index) => index).filter((number) =>
    number >= Math.min(...numbers) && !numbers.has(number)
  );
}

describe("a held frame", () => {
  it("comes when the hold is over, and nothing that follows it on its way comes before", () => {
    const reads = caught("hold", 0, 1, 10);
    assert.equal(duringCatch(reads, 1).length, 0);
    assert.deepEqual(missing(reads, 1, "control"), []);
    assert.deepEqual(missing(reads, 1, "data"), []);
  });

  it("stops nothing the other way, unless both ways are named", () => {
    assert.ok(duringCatch(caught("hold", 0, 1, 10), 0).length > 10);
    assert.equal(duringCatch(caught("hold", -1, -1, 20), 0).length, 0);
  });
});

describe("a dropped frame", () => {
  it("never comes, those after it do, and only the control lane loses any", () => {
    const reads = caught("drop", 0, 1, 7);
    const lost = missing(reads, 1, "control");
    assert.equal(lost.length, 7);
    assert.deepEqual(missing(reads, 1, "data"), []);
    assert.deepEqual(missing(reads, 0, "control"), []);
    assert.ok(duringCatch(reads, 1).length > 10);
  });
});

describe("items that catch frames", () => {
  it("are drawn only by recipes that name frames, and leave the other items as they are", () => {
    const usual = planOf(3, USUAL_RECIPE);
    const catching = planOf(3, { ...USUAL_RECIPE, frames: ["commit"] });
    const isCatch = ({ kind }: { readonly kind: string }): boolean => kind === "hold" || kind === "drop";
    assert.equal(usual.items.some(isCatch), false);
    assert.deepEqual(catching.items.filter((item) => !isCatch(item)), usual.items);
    const plans = Array.from({ length: 20 }, (_, seed) => planOf(seed, { ...USUAL_RECIPE, frames: ["commit"] }));
    for (const kind of ["hold", "drop"]) {
      assert.ok(plans.some(({ items }) => items.some((item) => item.kind === kind)), `some plan has a ${kind}`);
    }
  });

  it("read back equal from text", () => {
    const plan = gossipPlan({}, { kind: "drop", atMs: 1, from: -1, to: 2, frame: "x", count: 3, forMs: 4 });
    assert.deepEqual(planFrom(JSON.parse(planText(plan)), NO_OPERATION), plan);
    const nameless = { ...plan, items: [{ kind: "hold", atMs: 1, from: 0, to: 1, count: 1, forMs: 1 }] };
    assert.throws(() => planFrom(nameless, NO_OPERATION), /frame is not a text/);
  });
});
