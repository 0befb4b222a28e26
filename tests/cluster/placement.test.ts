/**
 * Which node an actor is put on: who may have it, who gets it, and what becomes of a user's function that misbehaves.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { nodeId } from "../../core/ids.ts";
import { type Random, seededRandom } from "../../core/random.ts";
import { type ChoiceContext, chooseNode, eligible, type Placement } from "../../cluster/placement.ts";
import type { Member } from "../../cluster/view.ts";
import { member, members } from "./planned.ts";

const [A, B, C] = [member("a"), member("b"), member("c")];
const ALL = [A, B, C];

function context(more: Partial<ChoiceContext> = {}): ChoiceContext {
  return { self: A.id, random: seededRandom(1), loadOf: () => 0, counter: 0, ...more };
}

/** The node that was chosen, or the reason why none was. */
function choice(placement: Placement, candidates: readonly Member[] = ALL, more: Partial<ChoiceContext> = {}): string {
  const result = chooseNode(placement, candidates, context(more));
  return result.kind === "chosen" ? result.node : result.reason;
}

describe("eligible", () => {
  it("are the members that are up and have the role and the kind, in their order", () => {
    const all = [
      member("leaving", { status: "leaving", roles: ["web"], kinds: ["cart"] }),
      member("young", { roles: ["web", "db"], kinds: ["cart", "user"] }),
      member("no-role", { kinds: ["cart"] }),
      member("no-kind", { roles: ["web"] }),
      member("old", { roles: ["web"], kinds: ["cart"] }),
    ];
    assert.deepEqual(eligible(all, { role: "web", kind: "cart" }).map(({ id }) => id), ["young", "old"]);
    assert.deepEqual(eligible(all, { role: "", kind: "cart" }).map(({ id }) => id), ["young", "no-role", "old"]);
    assert.deepEqual(eligible(all, { role: "db", kind: "ghost" }), []);
  });
});

describe("chooseNode", () => {
  it("in turn takes each once before any again", () => {
    const turns = [0, 1, 2, 3, 4].map((counter) => choice({ kind: "round-robin" }, ALL, { counter }));
    assert.deepEqual(turns, ["a", "b", "c", "a", "b"]);
  });

  it("at random takes each about as often", () => {
    const random = seededRandom(7);
    const counts = new Map<string, number>();
    for (let time = 0; time < 3000; time++) {
      const node = choice({ kind: "random" }, ALL, { random });
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    for (const { id } of ALL) assert.ok(Math.abs((counts.get(id) ?? 0) - 1000) < 120, `${id} ${counts.get(id)}`);
  });

  it("local is this node, and refused when that may not have it", () => {
    assert.equal(choice({ kind: "local" }, ALL, { self: B.id }), "b");
    assert.equal(choice({ kind: "local" }, ALL, { self: nodeId("z") }), "not-local");
  });

  it("refuses whatever the placement when nobody is eligible", () => {
    const placements: readonly Placement[] = [
      { kind: "round-robin" },
      { kind: "random" },
      { kind: "least-load" },
      { kind: "local" },
      { kind: "function", choose: () => assert.fail("is not asked") },
    ];
    for (const placement of placements) assert.equal(choice(placement, []), "no-candidate");
  });
});

describe("the less loaded of two", () => {
  it("never is the most loaded, and of two always the other one", () => {
    const loads = new Map([[A.id, 1], [B.id, 2], [C.id, 3]]);
    const loadOf = (id: Member["id"]) => loads.get(id) ?? 0;
    const random = seededRandom(3);
    for (let time = 0; time < 200; time++) {
      assert.notEqual(choice({ kind: "least-load" }, ALL, { random, loadOf }), "c");
      assert.equal(choice({ kind: "least-load" }, [C, B], { random, loadOf }), "b");
    }
  });

  it("counts a load against the capacity that bears it", () => {
    const large = member("large", { capacity: 4 });
    const loadOf = (id: Member["id"]) => id === large.id ? 7 : 2;
    for (let seed = 0; seed < 20; seed++) {
      assert.equal(choice({ kind: "least-load" }, [A, large], { random: seededRandom(seed), loadOf }), "large");
    }
  });

  it("keeps the fullest of a hundred nodes within a few actors of the mean, where chance alone does not", () => {
    const fullest = (kind: "random" | "least-load"): number => {
      const all = members(100);
      const loads = new Map(all.map(({ id }) => [id, 0]));
      const random: Random = seededRandom(11);
      for (let actor = 0; actor < 10_000; actor++) {
        const result = chooseNode({ kind }, all, context({ random, loadOf: (id) => loads.get(id) ?? 0 }));
        if (result.kind === "chosen") loads.set(result.node, (loads.get(result.node) ?? 0) + 1);
      }
      return Math.max(...loads.values());
    };
    assert.ok(fullest("least-load") <= 104, `${fullest("least-load")}`);
    assert.ok(fullest("random") >= 115, `${fullest("random")}`);
  });
});

describe("a user's function", () => {
  const by = (choose: (candidates: readonly Member[]) => unknown): Placement => ({
    kind: "function",
    choose: (candidates) => choose(candidates) as ReturnType<Extract<Placement, { kind: "function" }>["choose"]>,
  });

  it("chooses among the candidates, in a list of its own", () => {
    const candidates = [...ALL];
    const last = by((list) => (list as Member[]).reverse()[0]?.id);
    assert.equal(choice(last, candidates), "c");
    assert.deepEqual(candidates, ALL);
  });

  it("that throws, names a stranger or names nobody, is refused with the reason", () => {
    const boom = () => {
      throw new Error("no disk");
    };
    assert.deepEqual(chooseNode(by(boom), ALL, context()), {
      kind: "refused",
      reason: "choice-threw",
      detail: "no disk",
    });
    assert.deepEqual(chooseNode(by(() => "z"), ALL, context()), {
      kind: "refused",
      reason: "choice-stranger",
      detail: "z",
    });
    assert.equal(choice(by(() => undefined)), "choice-none");
  });

  it("property: may return or throw anything, and is answered by a node or a reason", () => {
    const odd = fc.oneof(fc.anything(), fc.constant(Symbol("odd")), fc.constant(Object.create(null)));
    fc.assert(fc.property(odd, fc.boolean(), (value, throws) => {
      const placement = by(() => {
        if (throws) throw value;
        return value;
      });
      assert.match(choice(placement), /^([abc]|choice-(threw|stranger|none))$/);
    }));
  });
});

it("property: whatever is chosen is a candidate", () => {
  const placement = fc.constantFrom<Placement>({ kind: "round-robin" }, { kind: "random" }, { kind: "least-load" });
  fc.assert(fc.property(placement, fc.integer({ min: 1, max: 9 }), fc.nat(), fc.nat(), (how, count, seed, counter) => {
    const all = members(count);
    const odd = (id: string) => id === "a1" ? NaN : 1;
    const node = choice(how, all, { random: seededRandom(seed), counter, loadOf: odd });
    assert.ok(all.some(({ id }) => id === node));
  }));
});
