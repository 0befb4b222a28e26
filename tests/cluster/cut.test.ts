/**
 * When accusations become a removal.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { epoch, type NodeId, nodeId } from "../../core/ids.ts";
import { createCut, type Cut, type CutInput, cutThresholds, HOLD_MS, removals, stepCut } from "../../cluster/cut.ts";
import { GRAY_MS } from "../../cluster/cut_gray.ts";
import { BLOCKED_MAX, FRESH_MS } from "../../cluster/cut_suspect.ts";
import type { AlertKind } from "../../cluster/detector_protocol.ts";
import { observersOf } from "../../cluster/observers.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import { at, idsOf, viewOf } from "./detector_rig.ts";

const STRANGER = nodeId("stranger");

describe("a cut", () => {
  it("needs six tenths of the observers, and is unclear from three tenths on", () => {
    const expected = [[1, 1, 1], [2, 2, 1], [3, 2, 1], [4, 3, 2], [5, 3, 2], [9, 6, 3], [10, 6, 3]] as const;
    for (const [observers, high, low] of expected) assert.deepEqual(cutThresholds(observers), { high, low });
  });

  it("is made by the last accuser needed, 250 ms later, and not by one fewer", () => {
    const stage = new Stage(20);
    const subject = stage.id(7);
    stage.accuse(subject, 5);
    stage.run(HOLD_MS - 50);
    assert.deepEqual(stage.removals(), []);
    stage.accuse(subject, 6);
    stage.run(TIMINGS.cutDelayMs - 50);
    assert.deepEqual(stage.removals(), []);
    stage.run(50);
    assert.deepEqual(stage.removals(), [subject]);
  });

  it("counts an observer once, however often it says so", () => {
    const stage = new Stage(20);
    const subject = stage.id(7);
    for (let time = 0; time < 40; time++) {
      stage.accuse(subject, 2);
      stage.run(250);
    }
    assert.deepEqual(stage.removals(), []);
  });

  it("takes those who went together in one go, oldest first", () => {
    const stage = new Stage(20);
    const [older, younger] = [stage.id(7), stage.id(9)];
    stage.accuse(younger, 6);
    stage.run(200);
    stage.accuse(older, 6);
    stage.run(50);
    assert.deepEqual(stage.removals(), [older, younger]);
  });

  it("waits while another subject is unclear, for 3 s at most, and then leaves that one in", () => {
    const stage = new Stage(20);
    const [gone, flapping] = [stage.id(7), stage.id(9)];
    stage.accuse(gone, 6);
    let waitedMs = 0;
    while (stage.removals().length === 0 && waitedMs < 20_000) {
      stage.accuse(gone, 6);
      stage.accuse(flapping, waitedMs % 1_000 < 500 ? 4 : 5); // Three to five of ten, now this one, now that one.
      stage.run(50);
      waitedMs += 50;
    }
    assert.equal(waitedMs, HOLD_MS);
    assert.deepEqual(stage.removals(), [gone]);
  });

  it("waits no longer once the unclear subject is clear", () => {
    const stage = new Stage(20);
    const [gone, late] = [stage.id(7), stage.id(9)];
    stage.accuse(gone, 6);
    stage.accuse(late, 3);
    stage.run(1_000);
    assert.deepEqual(stage.removals(), []);
    stage.accuse(late, 3, "clear");
    assert.deepEqual(stage.removals(), [gone]);
  });

  it("forgets what was not repeated within 5 s", () => {
    const stage = new Stage(20);
    const subject = stage.id(7);
    stage.accuse(subject, 5);
    stage.run(FRESH_MS - 50);
    const observer = observersOf(stage.view, subject)[5];
    assert.ok(observer !== undefined);
    stage.run(50);
    stage.say(subject, observer, "down");
    stage.run(1_000);
    assert.deepEqual(stage.removals(), []);
    assert.equal(stage.cut.suspects.get(subject)?.alerts.size, 1);
    stage.run(FRESH_MS);
    assert.equal(stage.cut.suspects.size, 0);
  });

  it("refuses accusers that do not observe the subject, and counts why", () => {
    const stage = new Stage(20);
    const subject = stage.id(7);
    const observers = observersOf(stage.view, subject);
    const others = stage.view.members.map(({ id }) => id).filter((id) =>
      id !== subject && id !== stage.cut.self && !observers.includes(id)
    );
    for (const by of others) stage.say(subject, by, "down");
    assert.equal(stage.cut.refusals["not-observer"], others.length);
    stage.say(subject, others[0] ?? STRANGER, "down", 2);
    assert.equal(stage.cut.refusals["other-view"], 1);
    stage.say(subject, STRANGER, "down");
    stage.say(STRANGER, observers[0] ?? STRANGER, "down");
    assert.equal(stage.cut.refusals["not-member"], 2);
    stage.say(subject, subject, "down");
    assert.equal(stage.cut.suspects.size, 0);
  });

  it("lets nobody take back what another has said", () => {
    const stage = new Stage(20);
    const subject = stage.id(7);
    stage.accuse(subject, 6);
    for (const { id } of stage.view.members) {
      if (!observersOf(stage.view, subject).slice(0, 6).includes(id)) {
        stage.say(subject, id, "clear");
      }
    }
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), [subject]);
  });

  it("counts observers that are accused themselves: they spoke before", () => {
    const stage = new Stage(5);
    const [, , , one, other] = stage.view.members.map(({ id }) => id);
    assert.ok(one !== undefined && other !== undefined);
    for (const subject of [one, other]) {
      for (const by of observersOf(stage.view, subject).slice(0, 4)) stage.say(subject, by, "down");
    }
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), [one, other]);
  });

  it("cuts by what is left of the observers when the others are accused, but never by one alone", () => {
    const stage = new Stage(7);
    const ids = stage.view.members.map(({ id }) => id);
    const live = ids.slice(0, 3);
    const run = (accusers: readonly NodeId[], ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 500) {
        for (const by of accusers) {
          for (const subject of ids) if (subject !== by && !live.includes(subject)) stage.say(subject, by, "down");
        }
        stage.run(500);
      }
    };
    run(live.slice(0, 1), 20_000);
    assert.deepEqual(stage.removals(), []);
    run(live, HOLD_MS);
    assert.deepEqual(stage.removals(), []);
    run(live, 1_000);
    assert.deepEqual(stage.removals(), ids.slice(3));
  });

  it("believes no single accuser in a small cluster, even when it accuses all the others", () => {
    const stage = new Stage(4);
    for (let second = 0; second < 20; second++) {
      for (const index of [0, 1, 2]) stage.say(stage.id(index), stage.id(3), "down");
      stage.run(1_000);
      assert.deepEqual(stage.removals(), []);
    }
  });

  it("does not wait for what others think of its own node", () => {
    const stage = new Stage(20);
    stage.accuse(stage.cut.self, 3);
    stage.accuse(stage.id(7), 6);
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), [stage.id(7)]);
  });

  it("does not count dead links", () => {
    const stage = new Stage(20);
    for (let second = 0; second < 20; second++) {
      stage.accuse(stage.id(7), 10, "link");
      stage.run(1_000);
    }
    assert.deepEqual(stage.removals(), []);
  });

  it("takes a member that waits for the subject for an accuser, once", () => {
    const stage = new Stage(5);
    const subject = stage.id(3);
    const [first, second] = observersOf(stage.view, subject);
    assert.ok(first !== undefined && second !== undefined);
    for (const by of [first, second]) stage.give({ kind: "accused", subject, by });
    for (const by of [first, second]) stage.say(subject, by, "down");
    stage.give({ kind: "accused", subject, by: STRANGER });
    stage.give({ kind: "accused", subject, by: subject });
    stage.run(HOLD_MS - 50);
    assert.deepEqual(stage.removals(), []);
    stage.say(subject, observersOf(stage.view, subject)[2] ?? STRANGER, "down");
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), [subject]);
  });

  it("needs no other accuser when another process joins from the subject's address", () => {
    const stage = new Stage(20);
    stage.give({ kind: "superseded", subject: stage.id(3) });
    stage.give({ kind: "superseded", subject: STRANGER });
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), [stage.id(3)]);
  });

  it("never asks for the removal of its own node, and of nobody when that is no member", () => {
    const stage = new Stage(5);
    stage.accuse(stage.cut.self, 4);
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), []);
    stage.accuse(stage.id(3), 4);
    stage.run(TIMINGS.cutDelayMs);
    assert.deepEqual(stage.removals(), [stage.id(3)]);
    stage.give({ kind: "view", view: viewOf(stage.view.members.map(({ id }) => id).slice(1), 2) });
    assert.deepEqual(stage.removals(), []);
  });

  it("drops what is said of members that are gone, and by observers that are no longer", () => {
    const stage = new Stage(20);
    const [gone, subject] = [stage.id(7), stage.id(9)];
    stage.accuse(gone, 6);
    stage.accuse(subject, 10);
    const ids = stage.view.members.map(({ id }) => id);
    const lost = [gone, ...observersOf(stage.view, subject).filter((id) => id !== stage.cut.self).slice(0, 5)];
    stage.install(ids.filter((id) => !lost.includes(id)), 2);
    assert.deepEqual([...stage.cut.suspects.keys()], [subject]);
    const left = [...stage.cut.suspects.get(subject)?.alerts.keys() ?? []];
    assert.ok(left.length > 0 && left.length <= 5);
    assert.ok(left.every((by) => by === stage.cut.self || observersOf(stage.view, subject).includes(by)));
  });
});

describe("a dead link", () => {
  it("costs the younger of the pair its place after 30 s, whoever noticed it", () => {
    for (const [by, subject] of [[2, 4], [4, 2]] as const) {
      const stage = new Stage(6);
      const noticed = () => stage.say(stage.id(subject), stage.id(by), "link");
      for (let ms = 0; ms < GRAY_MS; ms += 1_000) {
        noticed();
        stage.run(1_000);
        if (ms < GRAY_MS - 1_000) assert.deepEqual(stage.removals(), []);
      }
      assert.deepEqual(stage.removals(), [stage.id(4)]);
    }
  });

  it("begins its 30 s anew after a good word, or five seconds without a bad one", () => {
    for (
      const interrupt of [
        (stage: Stage) => stage.say(stage.id(4), stage.id(2), "clear"),
        (stage: Stage) => stage.run(FRESH_MS),
      ]
    ) {
      const stage = new Stage(6);
      for (let second = 0; second < 40; second++) {
        if (second === 20) interrupt(stage);
        stage.say(stage.id(4), stage.id(2), "link");
        stage.run(1_000);
      }
      assert.deepEqual(stage.removals(), []);
    }
  });

  it("of several, costs the one node that all of them end at, however old it is", () => {
    const stage = new Stage(6);
    for (let second = 0; second < 31; second++) {
      for (const other of [2, 3, 4]) stage.say(stage.id(1), stage.id(other), "link");
      stage.say(stage.id(5), stage.id(2), "link");
      stage.run(1_000);
    }
    assert.deepEqual(stage.removals(), [stage.id(1)]);
  });
});

describe("cuts", () => {
  it("property: take any input in any order, ask for members only, and stay within their bounds", () => {
    fc.assert(
      fc.property(fc.array(anyInput(), { maxLength: 200 }), (inputs) => {
        const cut = createCut({ self: nodeId("n000"), timings: TIMINGS });
        let ms = 0;
        for (const [input, passedMs] of inputs) {
          ms += passedMs;
          stepCut(cut, input, at(ms));
          const asked = removals(cut, at(ms));
          const members = cut.view?.members.map(({ id }) => id) ?? [];
          assert.ok(asked.every((id) => members.includes(id) && id !== cut.self));
          assert.equal(new Set(asked).size, asked.length);
          assert.ok(cut.suspects.size <= members.length);
          for (const { alerts, blocked } of cut.suspects.values()) {
            assert.ok(alerts.size <= 11 && blocked.size <= BLOCKED_MAX);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("property: fewer than the low threshold of accusers remove nobody, whatever they say and when", () => {
    const words = fc.array(
      fc.tuple(fc.nat(19), fc.nat(1), fc.constantFrom("down" as const, "clear" as const), fc.nat(900)),
      {
        maxLength: 120,
      },
    );
    fc.assert(
      fc.property(words, (said) => {
        const stage = new Stage(20);
        for (const [subject, index, alert, passedMs] of said) {
          const by = observersOf(stage.view, stage.id(subject))[index];
          if (by !== undefined) stage.say(stage.id(subject), by, alert);
          stage.run(passedMs - passedMs % 50);
          assert.deepEqual(stage.removals(), []);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** One cut, at the oldest of so many members, with ticks. */
class Stage {
  readonly cut: Cut;
  view = viewOf([]);
  nowMs = 1_000;

  constructor(count: number) {
    this.cut = createCut({ self: nodeId("n000"), timings: TIMINGS });
    this.install(idsOf(count), 1);
  }

  install(ids: readonly NodeId[], number: number): void {
    this.view = viewOf(ids, number);
    this.give({ kind: "view", view: this.view });
  }

  id(index: number): NodeId {
    return this.view.members[index]?.id ?? STRANGER;
  }

  give(input: CutInput): void {
    stepCut(this.cut, input, at(this.nowMs));
  }

  say(subject: NodeId, by: NodeId, alert: AlertKind, number = 1): void {
    this.give({ kind: "alert", subject, by, alert, epoch: epoch(number) });
  }

  /** The first so many observers say so. */
  accuse(subject: NodeId, count: number, alert: AlertKind = "down"): void {
    for (const by of observersOf(this.view, subject).slice(0, count)) this.say(subject, by, alert);
  }

  run(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.nowMs += 50;
      this.give({ kind: "tick" });
    }
  }

  removals(): readonly NodeId[] {
    return removals(this.cut, at(this.nowMs));
  }
}

function anyInput() {
  const id = fc.constantFrom(...idsOf(16), STRANGER);
  const alert = fc.constantFrom("down" as const, "link" as const, "clear" as const);
  const members = fc.uniqueArray(fc.constantFrom(...idsOf(16)), { maxLength: 16 });
  const input: fc.Arbitrary<CutInput> = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ kind: "tick" as const }) },
    { weight: 1, arbitrary: members.map((ones) => ({ kind: "view" as const, view: viewOf(ones) })) },
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant("alert" as const),
        subject: id,
        by: id,
        alert,
        epoch: fc.nat(3).map(epoch),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("accused" as const), subject: id, by: id }) },
    { weight: 1, arbitrary: id.map((subject) => ({ kind: "superseded" as const, subject })) },
  );
  return fc.tuple(input, fc.nat(400));
}
