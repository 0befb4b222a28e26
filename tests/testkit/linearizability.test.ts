import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Version } from "../../cluster/engine.ts";
import { epoch } from "../../core/ids.ts";
import {
  type CasOutcome,
  checkHistory,
  checkKey,
  describeViolation,
  type RegistryCall,
  type RegistryOperation,
  type SeenEntry,
} from "../../testkit/checkers/linearizability.ts";
import { canBeExplained } from "./linearizability_by_force.ts";

const v = (seq: number, cfg = 1): Version => ({ cfg: epoch(cfg), seq });
const seen = (opId: string, seq: number): SeenEntry => ({ opId, version: v(seq) });
const ok = (seq: number): CasOutcome => ({ kind: "ok", version: v(seq) });
const conflict = (current: SeenEntry | null): CasOutcome => ({ kind: "conflict", current });
const unknown: CasOutcome = { kind: "unknown" };
const get = (result: SeenEntry | null): RegistryCall => ({ kind: "get", seen: result });
const put = (opId: string, expect: Version | "absent", result: CasOutcome): RegistryCall => ({
  kind: "cas",
  opId,
  expect,
  isDelete: false,
  result,
});
const drop = (opId: string, expect: Version, result: CasOutcome): RegistryCall => ({
  kind: "cas",
  opId,
  expect,
  isDelete: true,
  result,
});

function operation(from: number, to: number | undefined, call: RegistryCall, client = "n1"): RegistryOperation {
  const stamp = (at: number) => ({ at, order: at });
  return { key: "k", client, called: stamp(from), returned: to === undefined ? undefined : stamp(to), call };
}

/** Each call after the one before it. */
function inTurn(...calls: readonly RegistryCall[]): readonly RegistryOperation[] {
  return calls.map((call, index) => operation(2 * index, 2 * index + 1, call));
}

describe("linearizability of a name", () => {
  it("a life of a name, step by step, is explained", () => {
    const history = inTurn(
      get(null),
      put("a", "absent", ok(1)),
      get(seen("a", 1)),
      put("b", "absent", conflict(seen("a", 1))),
      put("c", v(1), ok(2)),
      drop("d", v(2), ok(3)),
      get(null),
      put("e", "absent", ok(4)),
    );
    assert.equal(checkKey(history).kind, "linearizable");
  });

  it("a stale read is found", () => {
    const verdict = checkKey(inTurn(put("a", "absent", ok(1)), put("b", v(1), ok(2)), get(seen("a", 1))));
    assert.equal(verdict.kind, "violated");
    assert.ok(verdict.kind === "violated" && describeViolation(verdict).includes("✗ [4#4 … 5#5] n1 get → a 1.1"));
  });

  it("a read beside a write may see the name before it or after it", () => {
    for (const result of [null, seen("a", 1)]) {
      const history = [operation(0, 9, put("a", "absent", ok(1))), operation(2, 5, get(result))];
      assert.equal(checkKey(history).kind, "linearizable");
    }
  });

  it("two reads beside a write do not see it and then not", () => {
    const write = operation(0, 9, put("a", "absent", ok(1)));
    const reads = [operation(1, 2, get(seen("a", 1))), operation(3, 4, get(null))];
    assert.equal(checkKey([write, ...reads]).kind, "violated");
  });

  it("a lost update is found", () => {
    const verdict = checkKey([
      ...inTurn(put("a", "absent", ok(1))),
      operation(10, 20, put("b", v(1), ok(2))),
      operation(11, 19, put("c", v(1), ok(3)), "n2"),
    ]);
    assert.equal(verdict.kind, "violated");
  });

  it("two claims of one free name, both acknowledged, are found", () => {
    const history = [
      operation(0, 9, put("a", "absent", ok(1))),
      operation(1, 8, put("b", "absent", ok(2)), "n2"),
    ];
    assert.equal(checkKey(history).kind, "violated");
  });

  it("a record that comes back after its deletion is found", () => {
    const history = inTurn(put("a", "absent", ok(1)), drop("b", v(1), ok(2)), get(null), get(seen("a", 1)));
    assert.equal(checkKey(history).kind, "violated");
  });

  it("versions that do not grow are found", () => {
    const history = inTurn(put("a", "absent", ok(2)), drop("b", v(2), ok(3)), put("c", "absent", ok(1)));
    assert.equal(checkKey(history).kind, "violated");
  });

  it("a conflict with what was expected is found", () => {
    assert.equal(checkKey(inTurn(put("a", "absent", conflict(null)))).kind, "violated");
  });

  it("a record that nobody wrote is found", () => {
    assert.equal(checkKey(inTurn(get(seen("ghost", 1)))).kind, "violated");
  });

  it("an unknown write may happen late, or never", () => {
    const lost = operation(0, 1, put("a", "absent", unknown));
    assert.equal(checkKey([lost, operation(5, 6, get(null))]).kind, "linearizable");
    assert.equal(
      checkKey([lost, operation(5, 6, get(null)), operation(7, 8, get(seen("a", 1)))]).kind,
      "linearizable",
    );
  });

  it("an unknown write does not happen twice", () => {
    const history = [
      operation(0, 1, put("a", "absent", unknown)),
      operation(2, 3, get(seen("a", 1))),
      operation(4, 5, drop("b", v(1), ok(2))),
      operation(6, 7, get(seen("a", 3))),
    ];
    assert.equal(checkKey(history).kind, "violated");
  });

  it("an unknown write shows one version to all", () => {
    const lost = operation(0, 1, put("a", "absent", unknown));
    const reads = [operation(2, 3, get(seen("a", 1))), operation(4, 5, get(seen("a", 2)))];
    assert.equal(checkKey([lost, ...reads]).kind, "violated");
  });

  it("a repeated attempt is answered with the version of the first, to its own client only", () => {
    const first = operation(0, 1, put("a", "absent", unknown));
    assert.equal(
      checkKey([first, operation(2, 3, get(seen("a", 1))), operation(4, 5, put("a", "absent", ok(1)))]).kind,
      "linearizable",
    );
    const known = operation(0, 1, put("a", "absent", ok(1)));
    assert.equal(checkKey([known, operation(2, 3, put("a", "absent", ok(1)))]).kind, "linearizable");
    assert.equal(checkKey([known, operation(2, 3, put("a", "absent", ok(1)), "n2")]).kind, "violated");
  });

  it("a conflict with its own write says that it happened", () => {
    const history = inTurn(put("a", "absent", conflict(seen("a", 1))), get(seen("a", 1)));
    assert.equal(checkKey(history).kind, "linearizable");
    assert.equal(checkKey(inTurn(put("a", "absent", conflict(seen("a", 1))), get(null))).kind, "violated");
  });

  it("a limit gives no verdict, and is named", () => {
    const history = inTurn(put("a", "absent", ok(1)), get(null));
    assert.deepEqual(checkKey(history, { operationsPerKey: 1, stepsPerKey: 100 }), {
      kind: "undecided",
      steps: 0,
      limit: "operations",
    });
    assert.deepEqual(checkKey(history, { operationsPerKey: 9, stepsPerKey: 1 }), {
      kind: "undecided",
      steps: 2,
      limit: "steps",
    });
  });

  it("keys are judged alone, and the undecided are counted", () => {
    const named = (key: string, history: readonly RegistryOperation[]) => history.map((one) => ({ ...one, key }));
    const verdict = checkHistory([
      ...named("fine", inTurn(put("a", "absent", ok(1)))),
      ...named("long", inTurn(get(null), get(null), get(null))),
      ...named("broken", inTurn(get(null), get(seen("x", 1)))),
    ], { operationsPerKey: 2, stepsPerKey: 100 });
    assert.deepEqual([verdict.keys, verdict.undecided, verdict.violation?.key], [3, ["long"], "broken"]);
  });

  it("two hundred overlapping operations are decided within the limits", () => {
    const history: RegistryOperation[] = [];
    for (let round = 0; round < 50; round++) {
      const from = round * 10;
      const expect = round === 0 ? "absent" : v(round);
      history.push(operation(from, from + 9, put(`w${round}`, expect, ok(round + 1))));
      for (let reader = 0; reader < 3; reader++) {
        const result = round === 0 ? null : seen(`w${round - 1}`, round);
        history.push(operation(from + 1, from + 8, get(reader === 2 ? seen(`w${round}`, round + 1) : result)));
      }
    }
    assert.equal(checkKey(history).kind, "linearizable");
  });
});

describe("linearizability against the slow way", () => {
  const versions = fc.integer({ min: 1, max: 4 }).map((seq) => v(seq));
  const ids = fc.constantFrom("a", "b", "c");
  const entries = fc.option(fc.record({ opId: ids, version: versions }), { nil: null });
  const outcomes: fc.Arbitrary<CasOutcome> = fc.oneof(
    versions.map((version) => ({ kind: "ok" as const, version })),
    entries.map((current) => ({ kind: "conflict" as const, current })),
    fc.constant(unknown),
  );
  const calls: fc.Arbitrary<RegistryCall> = fc.oneof(
    entries.map(get),
    fc.record({
      kind: fc.constant("cas" as const),
      opId: ids,
      expect: fc.oneof(fc.constant("absent" as const), versions),
      isDelete: fc.boolean(),
      result: outcomes,
    }).filter((call) => !call.isDelete || call.expect !== "absent"),
  );
  const spans = fc.record({ from: fc.integer({ min: 0, max: 20 }), length: fc.integer({ min: 1, max: 12 }) });
  const wild = fc.array(
    fc.record({ span: spans, call: calls, client: fc.constantFrom("n1", "n2"), isAnswered: fc.boolean() }),
    { maxLength: 5 },
  ).map((all) =>
    all.map(({ span, call, client, isAnswered }) =>
      operation(2 * span.from, isAnswered ? 2 * (span.from + span.length) + 1 : undefined, call, client)
    )
  );

  it("any small history is judged alike", () => {
    fc.assert(
      fc.property(wild, (history) => {
        assert.equal(checkKey(history).kind === "linearizable", canBeExplained(history));
      }),
      { numRuns: 2_000 },
    );
  });

  /** A history that really happened, one answer of which is then told wrong. */
  const lived = fc.record({
    plan: fc.array(
      fc.record({
        choice: fc.nat(5),
        span: spans,
        isUnknown: fc.nat(3).map((draw) => draw === 0),
        client: fc.constantFrom("n1", "n2"),
      }),
      { minLength: 1, maxLength: 7 },
    ),
    lie: fc.option(fc.record({ at: fc.nat(6), call: calls }), { nil: undefined }),
  }).map(({ plan, lie }) => {
    let current: SeenEntry | null = null;
    let seq = 0;
    const history = plan.map(({ choice, span, isUnknown, client }, index): RegistryOperation => {
      const at = index * 6;
      const from = Math.max(0, at - span.from);
      let call: RegistryCall;
      if (choice < 2) call = get(current);
      else {
        const isDelete = choice === 5 && current !== null;
        const expect: Version | "absent" = choice === 4 ? v(9) : current === null ? "absent" : current.version;
        const opId = `w${index}`;
        if (choice === 4) call = put(opId, expect, isUnknown ? unknown : conflict(current));
        else {
          seq++;
          const result: CasOutcome = isUnknown ? unknown : ok(seq);
          call = { kind: "cas", opId, expect, isDelete, result };
          current = isDelete ? null : { opId, version: v(seq) };
        }
      }
      return operation(from, at + span.length, call, client);
    });
    const target = lie && history[lie.at];
    if (lie === undefined || target === undefined) return { history, isTrue: true };
    return { history: history.map((one) => one === target ? { ...one, call: lie.call } : one), isTrue: false };
  });

  it("what happened is explained, and a lie is judged alike", () => {
    let violated = 0;
    fc.assert(
      fc.property(lived, ({ history, isTrue }) => {
        const verdict = checkKey(history);
        if (isTrue) assert.equal(verdict.kind, "linearizable");
        assert.equal(verdict.kind === "linearizable", canBeExplained(history));
        if (verdict.kind === "violated") violated++;
      }),
      { numRuns: 2_000 },
    );
    assert.ok(violated > 100, `only ${violated} of the lies were found out`);
  });
});
