import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Frame } from "../../cluster/cluster_core.ts";
import { decodeFrame, frameDecoder, isFrameProblem } from "../../cluster/decode_frame.ts";
import type { Member, View } from "../../cluster/view.ts";
import { decodeFromBytes, encodeToBytes } from "../../core/codec.ts";
import { epoch, nodeId } from "../../core/ids.ts";
import { frameCheck } from "../../testkit/frame_check.ts";
import { SAMPLE_FRAMES, SAMPLE_LIMITS, SAMPLES, sampleView } from "./frame_samples.ts";

const decode = frameDecoder(SAMPLE_LIMITS);

describe("the decoder of frames", () => {
  for (const frame of SAMPLE_FRAMES) {
    it(`${frame.part}/${frame.message.kind} comes out of bytes as it went in`, () => {
      assert.deepStrictEqual(decode(decodeFromBytes(encodeToBytes(frame))), frame);
      assert.equal(frameCheck(SAMPLE_LIMITS)(frame), undefined);
    });
  }

  it("what it gives back shares no object with what it was told, but opaque values and bytes", () => {
    for (const frame of SAMPLE_FRAMES) {
      const before = objectsIn(frame);
      const shared = [...objectsIn(decode(frame))].filter((one) => before.has(one));
      assert.deepEqual(shared, [], frame.message.kind);
    }
  });

  it("fields that nobody knows are left behind", () => {
    const [message] = SAMPLES.engine.seal;
    const frame = { clusterId: "x", epoch: 1, part: "engine", message, extra: 1 };
    const raw = { ...frame, message: { ...message, extra: 2 } };
    assert.deepEqual(decode(raw), { clusterId: "x", epoch: 1, part: "engine", message });
  });

  describe("refuses, with the place and the reason,", () => {
    const refusals: readonly (readonly [claim: string, part: Frame["part"], message: object, reason: RegExp])[] = [
      ["a kind nobody knows", "engine", { kind: "toString" }, /^frame\.message\.kind is none of the kinds/],
      ["a message of another part", "detector", { kind: "leaveRequest" }, /^frame\.message\.kind is none/],
      ["no message", "engine", [], /^frame\.message is no record/],
      ["a partition there is not", "engine", { kind: "seal", partition: 3, cfg: 4 }, /partition is no whole number/],
      ["an epoch that is not whole", "engine", { kind: "pull", epoch: 1.5 }, /epoch is no whole number/],
      ["an epoch below 1", "engine", { kind: "pull", epoch: 0 }, /epoch is no whole number from 1/],
      ["an epoch without room to count on", "engine", { kind: "pull", epoch: 2 ** 53 - 1 }, /epoch is no whole/],
      ["a number that is none", "engine", { kind: "founderAccepts", clusterId: "", quietMs: NaN }, /quietMs is no/],
      ["a wait for ever", "engine", { kind: "founderAccepts", clusterId: "", quietMs: Infinity }, /quietMs is no/],
      ["a text of any length", "engine", { kind: "founderRefuses", clusterId: "x".repeat(1_025) }, /clusterId is no/],
      ["a missing field", "engine", { kind: "seal", partition: 0 }, /cfg is no whole number/],
      ["a round without room to count on", "engine", prepare(2 ** 41), /ballot\.round is no whole number/],
      ["too many operations", "engine", request(257), /operations is no array of 0 to 256/],
      ["a key that is none", "engine", request(1, "a b"), /operations\[0\]\.key is no key/],
      ["a spec over its limit", "directory", spawn(65), /claim\.spec is no array of at most 64 bytes/],
      ["bytes that are numbers", "directory", spawn([1, 2]), /claim\.spec is no array of at most/],
      ["a failure that is none", "router", reply({ kind: "failed", failure: {} }), /failure is no failure/],
      ["a chunk beyond the last", "engine", chunk(2, 2), /is a chunk beyond the last/],
      ["a member who says it is in", "engine", join({ joinEpoch: epoch(3) }), /member is no newcomer/],
      ["a capacity of nothing", "engine", join({ capacity: 0 }), /capacity is no number/],
    ];
    for (const [claim, part, message, reason] of refusals) {
      it(claim, () => assertRefused({ clusterId: "sim-a-1", epoch: 4, part, message }, reason));
    }

    it("what is no frame at all", () => {
      for (const raw of [undefined, null, 1, "x", [], {}, { part: "x" }, new Map([["part", "engine"]])]) {
        assertRefused(raw, /is for no part of a node/);
      }
    });

    it("a view of a cluster its sender is not in", () => {
      const message = { kind: "commit", view: sampleView(4) };
      assertRefused({ clusterId: "other", epoch: 4, part: "engine", message }, /a cluster its sender is not in/);
    });

    it("the view of another epoch than the proposal's", () => {
      const ballot = { round: 1, by: "a" };
      const view = sampleView(5);
      assertRefused(engine({ kind: "accept", epoch: 4, ballot, view }), /the view of another epoch/);
      assertRefused(
        engine({ kind: "promise", epoch: 4, ballot, accepted: { ballot, view } }),
        /the view of another epoch/,
      );
      assertRefused(engine({ kind: "found", view }), /a later view than its first/);
    });
  });

  describe("refuses a view", () => {
    const good = sampleView(4);
    const [first, second] = good.members;
    const [kept, moving] = good.partitions;
    assert.ok(first !== undefined && second !== undefined && kept !== undefined && moving !== undefined);
    const renewed = (change: Partial<Member>): Member => ({ ...second, ...change });
    const refusals: readonly (readonly [claim: string, change: Partial<View>, reason: RegExp])[] = [
      ["without members", { members: [] }, /members is no array/],
      ["with a member twice", { members: [first, first] }, /a member is in it twice/],
      ["with two members at one address", { members: [first, renewed({ address: "a:1" })] }, /share an address/],
      ["with members in another order", { members: [second, first] }, /order of their age/],
      ["with a member of a later epoch", { members: [first, renewed({ joinEpoch: epoch(5) })] }, /not of its time/],
      [
        "with a member that is not in yet",
        { members: [renewed({ joinEpoch: epoch(0) })] },
        /not of its time|no member/,
      ],
      ["with a voter that is no member", { voters: [{ id: nodeId("c"), weight: 3 }] }, /a voter is no member/],
      ["with a voter twice", { voters: [...good.voters, ...good.voters], need: 3 }, /a voter is in it twice/],
      ["in which two quorums could decide", { need: 1 }, /two quorums could decide/],
      ["with another leader", { leader: nodeId("b") }, /not its oldest member/],
      ["with a term to come", { leaderTerm: epoch(5) }, /term is to come/],
      [
        "with a removal to come",
        { removed: [{ id: nodeId("c"), epoch: epoch(5), hasLeft: true }] },
        /a removal is to come/,
      ],
      [
        "with a member that was removed",
        { removed: [{ id: nodeId("a"), epoch: epoch(2), hasLeft: true }] },
        /a member was removed/,
      ],
      ["with fewer partitions", { partitions: [kept, kept] }, /partitions is no array of 3 to 3/],
      ["with a partition nobody has", { partitions: [kept, kept, { ...kept, group: [] }] }, /group is no array/],
      ["with two copies on one node", { partitions: [kept, kept, { ...kept, group: ["a", "a"].map(nodeId) }] }, /two/],
      ["with a place to come", { partitions: [kept, kept, { ...kept, cfg: epoch(5) }] }, /not of its time/],
      [
        "with a next place that is no newer",
        { partitions: [kept, kept, { ...kept, next: { cfg: epoch(1), group: [nodeId("b")], why: "move" } }] },
        /next place of partition 2/,
      ],
    ];
    for (const [claim, change, reason] of refusals) {
      it(claim, () => assertRefused(engine({ kind: "commit", view: { ...good, ...change } }), reason));
    }
  });

  it("property: it never throws, whatever it is told", () => {
    const anything = fc.anything({ maxDepth: 4, withMap: true, withSet: true, withTypedArray: true, withBigInt: true });
    const framed = fc.record({
      clusterId: anything,
      epoch: anything,
      part: fc.constantFrom("engine", "detector", "directory", "router"),
      message: fc.oneof(anything, fc.dictionary(fc.constantFrom("kind", "view", "epoch", "__proto__"), anything)),
    });
    fc.assert(fc.property(fc.oneof(anything, framed), (raw) => void decode(raw)), { numRuns: 1_000 });
  });

  it("property: a frame with any part of it replaced is refused, or decodes to itself", () => {
    const odd = fc.oneof(
      fc.anything({ maxDepth: 1 }),
      fc.constantFrom(-1, -0, 0.5, 2 ** 53, NaN, Infinity, "", "x".repeat(2_000), null, undefined, [], {}),
    );
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLE_FRAMES), fc.nat(), odd, (frame, where, value) => {
        const decoded = decode(replaced(frame, where, value));
        if (!isFrameProblem(decoded)) assert.deepEqual(decode(decoded), decoded);
        else assert.ok(decoded.problem.length < 500);
      }),
      { numRuns: 5_000 },
    );
  });

  it("property: bytes of a frame with any byte replaced never throw behind the codec", () => {
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLE_FRAMES), fc.nat(), fc.nat(255), (frame, where, byte) => {
        const bytes = encodeToBytes(frame);
        bytes[where % bytes.length] = byte;
        let raw: unknown;
        try {
          raw = decodeFromBytes(bytes);
        } catch {
          return; // The codec's own tests say how it refuses.
        }
        decode(raw);
      }),
      { numRuns: 5_000 },
    );
  });
});

function assertRefused(raw: unknown, reason: RegExp): void {
  const decoded = decodeFrame(raw, SAMPLE_LIMITS);
  if (!isFrameProblem(decoded)) return assert.fail("it was taken");
  assert.match(decoded.problem, reason);
}

function engine(message: object): object {
  return { clusterId: "sim-a-1", epoch: 4, part: "engine", message };
}

function prepare(round: number): object {
  return { kind: "prepare", epoch: 4, ballot: { round, by: "a" } };
}

function request(count: number, key: string = "k"): object {
  const operations = Array.from({ length: count }, () => ({ kind: "get", key }));
  return { kind: "registryRequest", epoch: 1, requestId: 1, oldest: 1, partition: 0, operations };
}

function spawn(spec: number | readonly number[]): object {
  const [{ claim, ...rest } = assert.fail()] = SAMPLES.directory.spawnRequest;
  return { ...rest, claim: { ...claim, spec: typeof spec === "number" ? new Uint8Array(spec) : spec } };
}

function reply(outcome: object): object {
  return { kind: "reply", askId: 1, outcome };
}

function chunk(index: number, count: number): object {
  return { ...SAMPLES.engine.sync[0], index, count };
}

function join(change: Partial<Member>): object {
  const [{ member, ...rest } = assert.fail()] = SAMPLES.engine.joinRequest;
  return { ...rest, member: { ...member, ...change } };
}

/** All objects of a value, but what is opaque in a frame. */
function objectsIn(value: unknown, found: Set<unknown> = new Set()): Set<unknown> {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || found.has(value)) return found;
  found.add(value);
  for (const [name, field] of Object.entries(value)) {
    if (name !== "payload" && name !== "value" && name !== "details") objectsIn(field, found);
  }
  return found;
}

/** A deep copy with the field of some number, counted through, replaced. */
function replaced(frame: Frame, where: number, by: unknown): unknown {
  let count = 0;
  const copy = (value: unknown, target: number): unknown => {
    if (count++ === target) return by;
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    if (Array.isArray(value)) return value.map((one) => copy(one, target));
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copy(one, target)]));
  };
  copy(frame, -1);
  const target = where % count;
  count = 0;
  return copy(frame, target);
}
