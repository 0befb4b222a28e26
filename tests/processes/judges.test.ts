/**
 * The judges of the other tests of this folder see what they are there to see, and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClusterFact, NodeId, NodeInfo } from "../../mod.ts";
import { type Attempt, judgeAsks } from "./asks.ts";
import { judgeFacts } from "./node_facts.ts";
import { judgeRuns, type RunLine, type RunMoment } from "./run_log.ts";

const OLD = "00000001.00000001.0000000000001";
const NEW = "00000001.00000002.0000000000001";

describe("judgeRuns()", () => {
  it("lets pass: one activation behind the other, each run behind the other, also one that was never ended", () => {
    assert.deepEqual(
      judgeRuns([
        ...[line("begins", OLD, 1), line("waits", OLD, 1), line("resumes", OLD, 1), line("ends", OLD, 1)],
        ...[line("begins", OLD, 2), line("waits", OLD, 2)],
        ...[line("begins", NEW, 1, { pid: 2 }), line("ends", NEW, 1, { pid: 2 }), line("ends", OLD, 2)],
      ], []),
      [],
    );
  });

  it("sees a run of an older activation that begins, or goes on, after one of a newer", () => {
    for (const moment of ["begins", "resumes"] as const) {
      const [problem, ...more] = judgeRuns([
        ...[line("begins", OLD, 1), line("ends", OLD, 1)],
        ...[line("begins", NEW, 1, { pid: 2 }), line("ends", NEW, 1, { pid: 2 })],
        ...[line(moment, OLD, 2), line("ends", OLD, 2)],
      ], []);
      assert.match(problem ?? "", new RegExp(`${moment}.*after ${NEW} had run`));
      assert.deepEqual(more, []);
    }
  });

  it("sees two runs that keep their threads at once", () => {
    for (const [activation, pid] of [[NEW, 2], [OLD, 1]] as const) {
      const [problem] = judgeRuns([line("begins", OLD, 1), line("begins", activation, 2, { pid })], []);
      assert.match(problem ?? "", /had not ended/);
    }
  });

  it("sees a token that is smaller than the one before it", () => {
    const [problem] = judgeRuns([
      ...[line("begins", NEW, 1), line("ends", NEW, 1)],
      ...[line("begins", OLD, 1, { pid: 2 }), line("ends", OLD, 1, { pid: 2 })],
    ], []);
    assert.match(problem ?? "", /which is greater/);
  });

  it("keeps keys apart", () => {
    assert.deepEqual(judgeRuns([line("begins", OLD, 1), line("begins", NEW, 1, { key: "other" })], []), []);
  });

  it("excuses the end of the run in which its process was held, and one more that begins behind it, and no other", () => {
    const held = [{ pid: 1, fromMs: 100, untilMs: 9_000 }];
    const before = [line("begins", OLD, 1, { atMs: 90, stretch: "1.7" })];
    const meanwhile = [line("begins", NEW, 1, { pid: 2, atMs: 8_000 }), line("ends", NEW, 1, { pid: 2, atMs: 8_001 })];
    const behind = (run: number, stretch: string) => [
      line("ends", OLD, run - 1, { atMs: 9_001, stretch }),
      line("begins", OLD, run, { atMs: 9_001, stretch }),
    ];
    assert.deepEqual(judgeRuns([...before, ...meanwhile, ...behind(2, "1.7")], held), []);
    const [two] = judgeRuns([...before, ...meanwhile, ...behind(2, "1.7"), ...behind(3, "1.7")], held);
    assert.match(two ?? "", /let 2 runs begin/);
    const [later] = judgeRuns([...before, ...meanwhile, ...behind(2, "1.8")], held);
    assert.match(later ?? "", /after .* had run/);
  });
});

describe("judgeAsks()", () => {
  it("lets pass: values that ran once, failures whose fate is true, and whoever is gone", () => {
    const attempts = [value("a"), failed("b", "ask-timeout", "unknown"), failed("c", "ask-timeout", "unknown")];
    const gone = { ...value("d"), outcome: { kind: "gone" } } as const;
    const refused = [failed("e", "mailbox-full", "not-delivered"), failed("f", "fenced-write", "not-delivered")];
    const runs = ["a", "b", "d", "f"].map((attempt, run) => line("begins", OLD, run, { attempt }));
    assert.deepEqual(judgeAsks([...attempts, gone, ...refused], runs), []);
  });

  it("sees a value without a run, a run too many, a fate that is not true, a code that is none, and a late end", () => {
    const once = [line("begins", OLD, 1, { attempt: "a" })];
    const cases: readonly (readonly [Attempt, readonly RunLine[], RegExp])[] = [
      [value("a"), [], /had a value and ran 0 times/],
      [value("a"), [...once, ...once], /ran 2 times/],
      [failed("a", "link-lost", "not-delivered"), once, /not delivered/],
      [failed("a", "some-code", "unknown"), [], /failed with some-code/],
      [{ ...value("a"), outcome: { kind: "value", value: 1, tookMs: 9_000 } }, once, /took 9000 ms/],
    ];
    for (const [attempt, runs, problem] of cases) assert.match(judgeAsks([attempt], runs).join("\n"), problem);
  });

  it("excuses a late end of an ask whose node was held meanwhile", () => {
    const held = { name: "a", standstills: [{ pid: 1, fromMs: 500, untilMs: 8_000 }] };
    const late = { ...failed("a", "ask-timeout", "unknown"), node: held, endedMs: 8_100 };
    const outcome = { ...late.outcome, tookMs: 8_000 };
    assert.deepEqual(judgeAsks([{ ...late, outcome }], []), []);
  });
});

describe("judgeFacts()", () => {
  it("lets pass what fits together, also from the beginning in another life", () => {
    const facts: ClusterFact[] = [
      { type: "nodeLeft", epoch: 3, node: node("x"), reason: "lost" },
      { type: "leaderChanged", epoch: 3, leader: node("y"), term: 3 },
      { type: "nodeFenced", node: "z" as NodeId, reason: "removed" },
      { type: "nodeJoined", epoch: 2, node: node("y") },
      { type: "leaderChanged", epoch: 4, leader: node("y"), term: 3 },
    ];
    assert.deepEqual(judgeFacts([seenBy("a", facts)]), []);
  });

  it("sees views out of order, a fact twice, two leaders of a term, and somebody who comes back", () => {
    const joined = (epoch: number): ClusterFact => ({ type: "nodeJoined", epoch, node: node("x") });
    const leads = (name: string): ClusterFact => ({ type: "leaderChanged", epoch: 5, leader: node(name), term: 4 });
    const left: ClusterFact = { type: "nodeLeft", epoch: 3, node: node("x"), reason: "left" };
    const cases: readonly (readonly [Parameters<typeof judgeFacts>[0], RegExp])[] = [
      [[seenBy("a", [left, joined(2)])], /of epoch 2 after one of 3/],
      [[seenBy("a", [joined(2), joined(2)])], /nodeJoined x twice/],
      [[seenBy("a", [leads("x")]), seenBy("b", [leads("y")])], /y leads in term 4, and x does/],
      [[seenBy("a", [left]), seenBy("b", [joined(7)])], /x joins in epoch 7, after it had left/],
    ];
    for (const [seen, problem] of cases) assert.match(judgeFacts(seen).join("\n"), problem);
  });
});

function line(moment: RunMoment, activation: string, run: number, changes: Partial<RunLine> = {}): RunLine {
  return { moment, key: "key", activation, run, attempt: "", pid: 1, stretch: "1.0", atMs: 0, ...changes };
}

function value(name: string): Attempt {
  const node = { name: "a", standstills: [] };
  const outcome = { kind: "value", value: 1, tookMs: 5 } as const;
  return { name, key: "key", node, beganMs: 0, endedMs: 5, timeoutMs: 1_000, outcome };
}

function failed(
  name: string,
  code: string,
  fate: "unknown" | "not-delivered",
): Attempt & { readonly outcome: { kind: "failed" } } {
  return { ...value(name), outcome: { kind: "failed", tookMs: 5, failure: { code, fate, message: "" } } };
}

function seenBy(name: string, facts: readonly ClusterFact[]) {
  return { name, pid: 1, facts: facts.map((fact) => ({ atMs: 0, fact })) };
}

function node(id: string): NodeInfo {
  return { id: id as NodeId, address: "", roles: [], kinds: [], status: "up", zone: "" };
}
