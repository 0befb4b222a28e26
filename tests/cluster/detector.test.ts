/**
 * Whom detectors accuse, over a bus that loses frames.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { epoch, type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { cutThresholds } from "../../cluster/cut.ts";
import { createDetector, type DetectorInput, standingOf, stepDetector } from "../../cluster/detector.ts";
import { HELPS_MAX } from "../../cluster/detector_helping.ts";
import type { DetectorEffect, DetectorMessage } from "../../cluster/detector_protocol.ts";
import { HEALTH_SCORE_SICK } from "../../cluster/local_health.ts";
import { observersOf, subjectsOf } from "../../cluster/observers.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import { at, Bus, idsOf, viewOf } from "./detector_rig.ts";

const SEEDS = [1, 2, 3];

describe("detectors", () => {
  for (const count of [2, 3, 5, 12, 30]) {
    it(`${count} nodes: one that goes silent is accused by enough within 4.2 s, and cut`, () => {
      for (const seed of SEEDS) {
        const bus = new Bus(count, seed);
        bus.run(10_000 + 137 * seed);
        const silentAt = bus.nowMs;
        const gone = last(bus.ids);
        bus.stopped.add(gone);
        bus.run(silentAt + 7_000);
        const { high } = cutThresholds(Math.min(10, count - 1));
        const accusedAt = bus.said.filter(({ subject, alert }) => subject === gone && alert === "down")[high - 1]?.ms;
        assert.ok(accusedAt !== undefined && accusedAt - silentAt <= 4_200, `${accusedAt} after ${silentAt}`);
        const cutAt = bus.askedAt(gone);
        assert.ok(cutAt !== undefined && cutAt >= accusedAt + TIMINGS.cutDelayMs && cutAt <= silentAt + 4_600);
        assert.deepEqual(removedIn(bus), [gone]);
      }
    });

    it(`${count} nodes: one whose connections close is accused by enough within 1 s`, () => {
      for (const seed of SEEDS) {
        const bus = new Bus(count, seed);
        bus.run(10_000 + 137 * seed);
        const closedAt = bus.nowMs;
        const gone = last(bus.ids);
        bus.end(gone);
        bus.run(closedAt + 1_000);
        const { high } = cutThresholds(Math.min(10, count - 1));
        assert.ok(bus.accusers(gone, "down") >= high, `${bus.accusers(gone, "down")} of ${high}`);
        assert.ok([...bus.nodes.values()].every(({ detector }) => detector.health.score === 0));
      }
    });
  }

  it("accuse nobody for a closed connection when others still reach the node", () => {
    const bus = new Bus(12, 4);
    const [one, other] = [bus.ids[0], bus.ids[1]];
    assert.ok(one !== undefined && other !== undefined);
    bus.passes = (from, to) => !(from === one && to === other) && !(from === other && to === one);
    bus.run(2_000);
    bus.give(one, { kind: "linkLost", peer: other });
    bus.give(other, { kind: "linkLost", peer: one });
    bus.run(5_000);
    assert.ok(bus.said.every(({ alert }) => alert !== "down"));
  });

  it("make no cut in 60 s among healthy nodes that lose 5 % of their frames", () => {
    for (const [count, seed] of [[3, 1], [12, 2], [20, 3]] as const) {
      const bus = new Bus(count, seed);
      bus.loss = 0.05;
      bus.run(60_000);
      assert.deepEqual(removedIn(bus), []);
      assert.ok(bus.said.every(({ alert }) => alert !== "down"));
    }
  });

  it("call a link dead, not a node, when frames get lost one way between two; nobody goes before 30 s", () => {
    const bus = new Bus(6, 5);
    const [older, younger] = [bus.ids[1], bus.ids[4]];
    assert.ok(older !== undefined && younger !== undefined);
    bus.passes = (from, to) => !(from === older && to === younger);
    bus.run(30_000);
    assert.ok(bus.accusers(older, "link") + bus.accusers(younger, "link") >= 1);
    assert.ok(bus.said.every(({ alert }) => alert === "link"));
    assert.deepEqual(removedIn(bus), []);
    bus.run(40_000);
    assert.deepEqual(removedIn(bus), [younger]);
  });

  it("take an accusation back at the first sign of life", () => {
    const bus = new Bus(5, 6);
    bus.run(5_000);
    const paused = last(bus.ids);
    bus.stopped.add(paused);
    bus.run(10_000);
    assert.equal(bus.accusers(paused, "down"), 4);
    bus.stopped.delete(paused);
    bus.run(12_000);
    assert.equal(bus.accusers(paused, "down"), 0);
  });

  it("accuse nobody from a node that hears nobody: it knows that it is the deaf one", () => {
    for (const count of [3, 5, 12]) {
      const bus = new Bus(count, 7);
      bus.run(5_000);
      const deaf = last(bus.ids);
      bus.passes = (from, to) => from !== deaf && to !== deaf;
      bus.run(20_000);
      assert.ok(bus.node(deaf).detector.health.score >= HEALTH_SCORE_SICK);
      assert.deepEqual(bus.said.filter(({ by }) => by === deaf), []);
      assert.deepEqual(removedIn(bus), [deaf]);
    }
  });

  it("agree on all who are lost at once, two fifths of them by one cut", () => {
    const bus = new Bus(30, 8);
    bus.run(5_000);
    const lost = bus.ids.slice(18);
    for (const id of lost) bus.stopped.add(id);
    const views = runCuts(bus, 30_000);
    assert.deepEqual(bus.view.members.map(({ id }) => id), bus.ids.slice(0, 18));
    assert.ok(views <= 3, `${views} views`);
  });

  it("remove four of seven, though no subject has enough observers left", () => {
    const bus = new Bus(7, 9);
    bus.run(5_000);
    for (const id of bus.ids.slice(3)) bus.stopped.add(id);
    runCuts(bus, 20_000);
    assert.deepEqual(bus.view.members.map(({ id }) => id), bus.ids.slice(0, 3));
  });

  it("remove three of five when the survivors have the votes, as they may where the oldest outweighs the others", () => {
    for (const seed of SEEDS) {
      const bus = new Bus(5, seed);
      bus.run(5_000);
      for (const id of bus.ids.slice(2)) bus.stopped.add(id);
      runCuts(bus, 30_000);
      assert.deepEqual(bus.view.members.map(({ id }) => id), bus.ids.slice(0, 2));
    }
  });

  it("take a stall of their own for no silence of others", () => {
    const bus = new Bus(5, 10);
    bus.run(5_000);
    const stalled = last(bus.ids);
    for (let round = 0; round < 10; round++) {
      bus.stopped.add(stalled); // What comes meanwhile is lost here: worse than a stall, where it waits.
      bus.run(bus.nowMs + 900);
      bus.stopped.delete(stalled);
      bus.run(bus.nowMs + 600);
    }
    assert.deepEqual(bus.said.filter(({ by }) => by === stalled), []);
  });

  it("give a subject that has just joined the same patience as any other", () => {
    const bus = new Bus(4, 11);
    const silent = last(bus.ids);
    bus.stopped.add(silent);
    bus.install(viewOf(bus.ids.slice(0, 3), 2));
    bus.run(20_000);
    bus.install(viewOf(bus.ids, 3));
    bus.run(22_400);
    assert.deepEqual(bus.said, []);
    bus.run(25_000);
    assert.equal(bus.accusers(silent, "down"), 3);
  });
});

describe("a detector", () => {
  it("accuses nobody while it is sick, and does so once it is well again", () => {
    const { one, ids, run, alerts } = alone(2);
    assert.ok(ids[1] !== undefined);
    run(0, 200);
    for (let sign = 0; sign < 8; sign++) stepDetector(one, { kind: "lag", ms: 400 }, at(200), []);
    run(250, 15_000);
    assert.deepEqual(alerts(), []);
    run(15_050, 40_000);
    assert.ok(alerts().includes("down"));
  });

  it("repeats an accusation each second, and stops while it is sick; its pings accuse nobody then either", () => {
    const { one, run, alerts, sent } = alone(2);
    const fallSick = (ms: number) => {
      for (let sign = 0; sign < 8; sign++) stepDetector(one, { kind: "lag", ms: 400 }, at(ms), []);
    };
    run(0, 10_000);
    const before = alerts().length;
    assert.ok(before >= 6 && before <= 8, `${before} alerts`);
    const pings = sent().length;
    fallSick(10_000);
    run(10_050, 14_000);
    assert.equal(alerts().length, before);
    assert.ok(sent().length > pings);
    assert.ok(sent().slice(pings).every((message) => message.kind !== "ping" || !message.accused));
    const other = alone(2);
    for (let ms = 0; ms <= 20_000; ms += 1_000) {
      for (let sign = 0; sign < 8; sign++) stepDetector(other.one, { kind: "lag", ms: 400 }, at(ms), []);
      other.run(ms, ms + 950);
    }
    assert.ok(other.sent().every((message) => message.kind === "ping" && !message.accused));
    const [, subject] = other.ids;
    assert.ok(subject !== undefined);
    other.step({ kind: "heard", from: subject }, 21_000);
    other.run(21_000, 21_000);
    assert.deepEqual(other.alerts(), []); // What was never said is not taken back.
  });

  it("does not take the time it did not run for a subject's silence", () => {
    const { one, ids, run, step, sent } = alone(2);
    const [, other] = ids;
    assert.ok(other !== undefined);
    let ms = 0;
    while (sent().length === 0) run(ms += 50, ms);
    step({ kind: "tick" }, ms + 3_000); // The answer is there, but not read yet.
    assert.equal(standingOf(one, other), "ok");
    step({ kind: "tick" }, ms + 3_600);
    assert.equal(standingOf(one, other), "ok");
    run(ms + 3_650, ms + 4_200);
    assert.equal(standingOf(one, other), "failing");
  });

  it("asks those whom it heard last", () => {
    const bus = new Bus(12, 13);
    bus.run(5_000);
    const lost = bus.ids.slice(7);
    for (const id of lost) bus.stopped.add(id);
    bus.run(6_900);
    for (const [id, { detector }] of bus.nodes) if (!lost.includes(id)) assert.equal(detector.health.score, 0);
  });

  it("pings a subject that talks anyway at no time", () => {
    const { one, ids, run, sent } = alone(2);
    const [, other] = ids;
    assert.ok(other !== undefined);
    for (let ms = 0; ms <= 20_000; ms += 50) {
      stepDetector(one, { kind: "heard", from: other }, at(ms), []);
      run(ms, ms);
    }
    assert.deepEqual(sent(), []);
  });

  it("probes each subject about once a second, whatever the size of the cluster", () => {
    const bus = new Bus(40, 12);
    bus.run(10_000);
    for (const { detector } of bus.nodes.values()) {
      const perSecond = detector.seq / 10;
      assert.ok(perSecond > 8 && perSecond < 12, `${perSecond} pings a second`);
    }
  });

  it("asks others only after its own probe failed, and three of them", () => {
    const { run, sent } = alone(8);
    run(0, 2_500);
    const asked = sent().filter(({ kind }) => kind === "pingRequest");
    assert.ok(asked.length > 0 && asked.length % 3 === 0);
    assert.equal(sent()[0]?.kind, "ping");
  });

  it("worsens only by observers that accuse it, and answers everybody", () => {
    const { one } = alone(30);
    assert.ok(one.view !== undefined);
    const observers = observersOf(one.view, one.self);
    const others = one.view.members.map(({ id }) => id).filter((id) => id !== one.self && !observers.includes(id));
    const out: DetectorEffect[] = [];
    const ping: DetectorMessage = { kind: "ping", seq: 9, accused: true };
    for (const from of [...others, nodeId("stranger")]) {
      stepDetector(one, { kind: "message", from, message: ping }, at(1), out);
    }
    assert.equal(one.health.score, 0);
    assert.equal(one.refusals["not-observer"], others.length);
    assert.equal(one.refusals["stranger"], 1);
    for (const from of observers.slice(0, 2)) stepDetector(one, { kind: "message", from, message: ping }, at(1), out);
    assert.equal(one.health.score, 2);
    assert.equal(
      out.filter((effect) => effect.kind === "send" && effect.message.kind === "pong").length,
      others.length + 3,
    );
  });

  it("helps: forwards an answer, and says after 0.8 of the timeout that there was none", () => {
    const { one, ids, run, sent, step } = alone(4);
    const [, asker, target, mute] = ids;
    assert.ok(asker !== undefined && target !== undefined && mute !== undefined);
    step({ kind: "message", from: asker, message: { kind: "pingRequest", seq: 7, target } }, 0);
    step({ kind: "message", from: asker, message: { kind: "pingRequest", seq: 8, target: mute } }, 0);
    const [pingTarget] = sent();
    assert.ok(pingTarget?.kind === "ping");
    step({ kind: "message", from: mute, message: { kind: "pong", seq: pingTarget.seq } }, 5); // Not the one asked.
    assert.deepEqual(sent().filter(({ kind }) => kind === "pongForward"), []);
    step({ kind: "message", from: target, message: { kind: "pong", seq: pingTarget.seq } }, 5);
    assert.deepEqual(sent().filter(({ kind }) => kind === "pongForward"), [{ kind: "pongForward", seq: 7 }]);
    run(300, 349);
    assert.deepEqual(sent().filter(({ kind }) => kind === "pingNack"), []);
    run(350, 400);
    assert.deepEqual(sent().filter(({ kind }) => kind === "pingNack"), [{ kind: "pingNack", seq: 8 }]);
    assert.equal(one.helping.size, 0);
  });

  it("helps up to a limit and says so at once beyond it", () => {
    const { one, ids, step, sent } = alone(3);
    const [, asker, target] = ids;
    assert.ok(asker !== undefined && target !== undefined);
    for (let seq = 0; seq < HELPS_MAX + 5; seq++) {
      step({ kind: "message", from: asker, message: { kind: "pingRequest", seq, target } }, 0);
    }
    assert.equal(one.helping.size, HELPS_MAX);
    assert.equal(one.refusals["busy"], 5);
    assert.equal(sent().filter(({ kind }) => kind === "pingNack").length, 5);
  });

  it("believes an indirect answer only from whom it asked", () => {
    const { one, ids, run, step } = alone(6);
    const [, mute] = ids;
    assert.ok(mute !== undefined);
    for (let ms = 0; ms <= 6_000; ms += 50) {
      for (let seq = 1; seq <= one.seq; seq++) {
        step({ kind: "message", from: nodeId("stranger"), message: { kind: "pongForward", seq } }, ms);
      }
      for (const other of ids.slice(2)) step({ kind: "heard", from: other }, ms);
      for (const { round } of one.opinions.values()) {
        for (const from of round?.asked ?? []) {
          step({ kind: "message", from, message: { kind: "pingNack", seq: round?.seq ?? 0 } }, ms);
        }
      }
      run(ms, ms);
    }
    assert.equal(standingOf(one, mute), "down");
  });

  it("drops opinions of members it no longer observes, and keeps the others", () => {
    const { one, ids, run } = alone(30);
    run(0, 900);
    const view = viewOf(ids.slice(0, 15), 2);
    const before = new Map(one.opinions);
    stepDetector(one, { kind: "view", view }, at(950), []);
    assert.deepEqual([...one.opinions.keys()], subjectsOf(view, one.self));
    assert.ok(one.peers.size <= 20);
    for (const [id, opinion] of one.opinions) if (before.has(id)) assert.equal(opinion, before.get(id));
  });

  it("property: takes any input in any order, and stays within its bounds", () => {
    fc.assert(
      fc.property(fc.array(anyInput(), { maxLength: 200 }), fc.nat(1_000), (inputs, seed) => {
        const one = createDetector({ self: nodeId("n000"), timings: TIMINGS, random: seededRandom(seed) });
        let ms = 0;
        for (const [input, passedMs] of inputs) {
          ms += passedMs;
          const out: DetectorEffect[] = [];
          stepDetector(one, input, at(ms), out);
          assert.ok(
            out.every((effect) => effect.kind === "alert" || effect.to !== one.self || input.kind === "message"),
          );
          assert.ok(one.opinions.size <= 10 && one.peers.size <= 20 && one.helping.size <= HELPS_MAX);
          assert.ok(input.kind !== "heard" || out.length === 0);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function last(ids: readonly NodeId[]): NodeId {
  const id = ids.at(-1);
  assert.ok(id !== undefined);
  return id;
}

function removedIn(bus: Bus): readonly string[] {
  return [...new Set([...bus.asked.keys()].map((pair) => pair.slice(pair.indexOf(">") + 1)))].sort();
}

/** Installs on all whatever the first node asks for. Says how many views it took. */
function runCuts(bus: Bus, untilMs: number): number {
  const [leader] = bus.ids;
  let views = 0;
  while (bus.nowMs < untilMs) {
    bus.run(bus.nowMs + 50);
    const wanted = [...bus.asked.keys()].filter((pair) => pair.startsWith(`${leader}>`)).map((pair) => pair.slice(5));
    const left = bus.view.members.map(({ id }) => id).filter((id) => !wanted.includes(id));
    if (left.length === bus.view.members.length) continue;
    bus.install(viewOf(left, bus.view.epoch + 1));
    views++;
  }
  return views;
}

/** One detector whose peers are all silent unless the test speaks for them. */
function alone(count: number) {
  const ids = idsOf(count);
  const out: DetectorEffect[] = [];
  const one = createDetector({ self: nodeId("n000"), timings: TIMINGS, random: seededRandom(1) });
  const step = (input: DetectorInput, ms: number) => stepDetector(one, input, at(ms), out);
  step({ kind: "view", view: viewOf(ids) }, 0);
  return {
    one,
    ids,
    step,
    run: (fromMs: number, untilMs: number) => {
      for (let ms = fromMs; ms <= untilMs; ms += 50) step({ kind: "tick" }, ms);
    },
    sent: () => out.flatMap((effect) => effect.kind === "send" ? [effect.message] : []),
    alerts: () => out.flatMap((effect) => effect.kind === "alert" ? [effect.alert] : []),
  };
}

function anyInput() {
  const ids = [...idsOf(16), nodeId("stranger"), nodeId("")];
  const id = fc.constantFrom(...ids);
  const seq = fc.oneof(fc.nat(30), fc.constantFrom(-1, Number.NaN, 1e18));
  const alert = fc.constantFrom("down" as const, "link" as const, "clear" as const);
  const message: fc.Arbitrary<DetectorMessage> = fc.oneof(
    fc.record({ kind: fc.constant("ping" as const), seq, accused: fc.boolean() }),
    fc.record({ kind: fc.constant("pong" as const), seq }),
    fc.record({ kind: fc.constant("pingRequest" as const), seq, target: id }),
    fc.record({ kind: fc.constant("pongForward" as const), seq }),
    fc.record({ kind: fc.constant("pingNack" as const), seq }),
    fc.record({ kind: fc.constant("alert" as const), subject: id, alert, epoch: fc.nat(5).map(epoch) }),
  );
  const members = fc.uniqueArray(fc.constantFrom(...idsOf(16)), { maxLength: 16 });
  const input: fc.Arbitrary<DetectorInput> = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ kind: "tick" as const }) },
    { weight: 1, arbitrary: members.map((ones) => ({ kind: "view" as const, view: viewOf(ones) })) },
    { weight: 2, arbitrary: id.map((from) => ({ kind: "heard" as const, from })) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("message" as const), from: id, message }) },
    { weight: 1, arbitrary: id.map((peer) => ({ kind: "linkLost" as const, peer })) },
    { weight: 1, arbitrary: fc.nat(1_000).map((ms) => ({ kind: "lag" as const, ms })) },
  );
  return fc.tuple(input, fc.nat(600));
}
