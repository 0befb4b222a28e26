/**
 * What routers promise, in worlds that are unkind to them; and each rule they stand on, taken away, in a world that
 * shows it. The seeds that kill are recorded: change the world, and find them again with the search below.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PublicStatus } from "../../cluster/directory_protocol.ts";
import type { LeaseStatus } from "../../cluster/engine.ts";
import { createRouter, stepRouter } from "../../cluster/router.ts";
import type { Arrived, RouterEffect, RouterInput, RouterMessage, UserFrame } from "../../cluster/router_protocol.ts";
import { ALL_RULES, type RuleName, without } from "../../cluster/rules.ts";
import { epoch, instant, nodeId } from "../../core/ids.ts";
import { ALL_FAULTS, type Faults, NO_FAULTS, runWorld, viewOf, Violation } from "./router_world.ts";

const SEEDS = 1_000;

/** For each rule: the faults and a seed under which routers without it break a promise, and which. */
const KILLS: readonly {
  readonly rule: RuleName;
  readonly faults: Faults;
  readonly seed: number;
  readonly how: RegExp;
}[] = [
  { rule: "stickyBounce", faults: ALL_FAULTS, seed: 2, how: /ran after/ },
  { rule: "flushThroughMailbox", faults: ALL_FAULTS, seed: 1, how: /stray-bounce/ },
  { rule: "handingEnqueues", faults: ALL_FAULTS, seed: 2, how: /ran after/ },
  { rule: "frozenEnqueues", faults: ALL_FAULTS, seed: 2, how: /ran after/ },
  { rule: "evictRemembers", faults: ALL_FAULTS, seed: 1, how: /stray-bounce/ },
  { rule: "linkGeneration", faults: ALL_FAULTS, seed: 37, how: /ran after/ },
  { rule: "oldLinkNeverBounces", faults: ALL_FAULTS, seed: 2, how: /stray-bounce/ },
  { rule: "tokenAtDelivery", faults: ALL_FAULTS, seed: 1, how: /another activation/ },
  { rule: "freezeAtExpiry", faults: ALL_FAULTS, seed: 1, how: /frozen node has sent/ },
  { rule: "parkWhileFrozen", faults: ALL_FAULTS, seed: 1, how: /while its node was frozen/ },
  { rule: "epochMarks", faults: { ...NO_FAULTS, removal: true }, seed: 1052, how: /of a removed activation/ },
];

describe("routers", () => {
  it(`keep their promises under all faults, for ${SEEDS} seeds`, () => {
    let run = 0;
    let lost = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const summary = withSeed(seed, () => runWorld(seed, ALL_RULES, ALL_FAULTS));
      run += summary.run;
      lost += summary.lostWithLinks;
    }
    assert.ok(run > 100 * SEEDS, "most worlds get their work done");
    assert.ok(lost > SEEDS, "links do lose messages in these worlds");
  });

  it("lose nothing at all while only moves, evictions, freezes and slow claims happen", () => {
    const faults: Faults = { ...NO_FAULTS, evictions: true, freezes: true, slowClaims: true };
    for (let seed = 1; seed <= 200; seed++) {
      const summary = withSeed(seed, () => runWorld(seed, ALL_RULES, faults));
      assert.equal(summary.deadLetters + summary.lostWithLinks, 0, `seed ${seed}`);
    }
  });

  it("do the same for the same seed", () => {
    for (const seed of [7, 77]) {
      assert.deepEqual(runWorld(seed, ALL_RULES, ALL_FAULTS), runWorld(seed, ALL_RULES, ALL_FAULTS));
    }
  });

  for (const { rule, faults, seed, how } of KILLS) {
    it(`break a promise without ${rule}`, () => {
      runWorld(seed, ALL_RULES, faults);
      assert.throws(
        () => runWorld(seed, without(rule), faults),
        (error: unknown) => error instanceof Violation && how.test(error.message),
      );
    });
  }
});

describe("a router", () => {
  it("throws at nothing, whatever it is told, in whatever order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(input(), fc.integer({ min: -5, max: 3_000 })), { maxLength: 80 }), (inputs) => {
        const router = createRouter(nodeId("A"), ALL_RULES, { mono: instant(0), wall: 0 });
        router.routes.settledMax = 2;
        const out: RouterEffect[] = [];
        let present = 0;
        for (const [one, passed] of inputs) {
          present += passed;
          stepRouter(router, one, { mono: instant(present), wall: present }, out);
        }
        const ends = out.flatMap((effect) => effect.kind === "reply" || effect.kind === "failed" ? [effect.askId] : []);
        const sent = inputs.flatMap(([one]) =>
          one.kind === "send" && one.letter.ask !== undefined ? [one.letter.ask.id] : []
        );
        for (const id of new Set(ends)) {
          const taken = sent.filter((other) => other === id).length;
          assert.ok(ends.filter((other) => other === id).length <= taken, "an ask ends once");
        }
        assert.ok(router.routes.bytes >= 0);
      }),
      { numRuns: 1_000 },
    );
  });
});

function withSeed<T>(seed: number, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

// Few values of each, so that they meet; and among them what makes no sense.
const peer = fc.constantFrom("A", "B", "C", "D").map(nodeId);
const key = fc.constantFrom("k1", "k2", "");
const token = fc.record({ cfg: fc.constantFrom(1, 2, NaN).map(epoch), seq: fc.constantFrom(1, 2, -1) });
const number = fc.constantFrom(0, 1, 2, 3, -1, 0.5, NaN, Infinity);
const id = fc.integer({ min: 0, max: 5 });
const sender = fc.option(fc.record({ key, token }), { nil: undefined });
const place = fc.record({ node: peer, token });
const hint = fc.option(place, { nil: undefined });
const outcome = fc.constant({ kind: "ok", value: 1 } as const);
const reason = fc.constantFrom("moved", "not-here", "stopped");

function userFrame(): fc.Arbitrary<UserFrame> {
  return fc.record({
    kind: fc.constant("user" as const),
    target: key,
    token,
    actorKind: key,
    sender,
    askId: fc.option(id, { nil: undefined }),
    remainingMs: fc.option(number, { nil: undefined }),
    waitedMs: number,
    bytes: number,
    payload: fc.anything(),
  });
}

function flushFrame() {
  return fc.record({ kind: fc.constant("flush" as const), flushId: id, target: key, token });
}

function message(): fc.Arbitrary<RouterMessage> {
  return fc.oneof(
    userFrame(),
    flushFrame(),
    fc.record({ kind: fc.constant("reply" as const), askId: id, outcome }),
    fc.record({ kind: fc.constant("bounced" as const), frame: userFrame(), reason, hint }),
    fc.record({ kind: fc.constant("flushAck" as const), flushId: id }),
    fc.record({ kind: fc.constant("epochMark" as const), epoch: number.map(epoch) }),
  );
}

function arrived(): fc.Arbitrary<Arrived> {
  const frame = fc.oneof(userFrame(), flushFrame());
  return fc.record({ from: peer, generation: number, at: number.map(instant), frame });
}

function input(): fc.Arbitrary<RouterInput> {
  const ask = fc.option(fc.record({ id, deadline: number.map(instant) }), { nil: undefined });
  const letter = fc.record({ target: key, actorKind: key, sender, ask, bytes: number, payload: fc.anything() });
  const status = fc.constantFrom<PublicStatus[]>("starting", "live", "paused", "handing", "stopping", "gone");
  const lease = fc.constantFrom<LeaseStatus[]>("held", "held", "held", "held", "soft", "frozen", "none", "fenced");
  const ids = fc.uniqueArray(peer, { minLength: 1 });
  const view = fc.tuple(fc.integer({ min: 1, max: 9 }), ids).map(([at, members]) => viewOf(at, members));
  return fc.oneof(
    fc.record({ kind: fc.constant("send" as const), letter }),
    fc.record({ kind: fc.constant("send" as const), letter }),
    fc.record({ kind: fc.constant("abortAsk" as const), askId: id }),
    fc.record({ kind: fc.constant("resolved" as const), key, holder: peer, token }),
    fc.record({
      kind: fc.constant("absent" as const),
      key,
      reason: fc.constantFrom("absent", "no-eligible-node", "barrier", "timeout", "busy", "lease"),
    }),
    fc.record({ kind: fc.constant("activation" as const), key, token, status }),
    fc.record({ kind: fc.constant("flushReached" as const), arrived: arrived() }),
    fc.record({
      kind: fc.constant("refused" as const),
      arrived: arrived(),
      code: fc.constant("mailbox-full"),
      fate: fc.constant("not-delivered" as const),
    }),
    fc.record({ kind: fc.constant("answered" as const), arrived: arrived(), outcome }),
    fc.record({
      kind: fc.constant("handedBack" as const),
      key,
      token,
      items: fc.array(arrived(), { maxLength: 4 }),
      through: number,
      reason,
      hint,
    }),
    fc.record({ kind: fc.constant("linkUp" as const), peer, generation: number }),
    fc.record({ kind: fc.constant("linkLost" as const), peer, generation: number }),
    fc.record({ kind: fc.constant("received" as const), from: peer, generation: number, message: message() }),
    fc.record({ kind: fc.constant("received" as const), from: peer, generation: number, message: message() }),
    fc.record({ kind: fc.constant("view" as const), view }),
    fc.record({ kind: fc.constant("lease" as const), status: lease }),
    fc.record({ kind: fc.constant("tick" as const) }),
  );
}
