/**
 * The lease gate in shared memory: what is read was published as it is, or lets nothing pass. With real threads in
 * `tests/properties/lease_threads.test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../../core/ids.ts";
import { ALL_GATE_RULES, type LeaseGate, shutGate, verdictOf } from "../../core/lease_gate.ts";
import { LeaseWord, makeLeaseWord, writeGate } from "../../workers/lease_word.ts";

const SEQUENCE = 0;
const OPEN: LeaseGate = gateOf(3, 5_000.25, 1_700_000_000_000.5, 2_400);

describe("the lease word", () => {
  it("is shut before anything was published", () => {
    assert.deepEqual(new LeaseWord(makeLeaseWord()).read(), shutGate(0));
  });

  it("property: gives every reader the gate that was published last", () => {
    const ms = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(-Infinity, Infinity, 0, 2 ** 53));
    const gate = fc.tuple(fc.nat(), ms, ms, ms).map(([one, two, three, four]) => gateOf(one, two, three, four));
    fc.assert(
      fc.property(fc.array(gate, { minLength: 1, maxLength: 10 }), (gates) => {
        const word = makeLeaseWord();
        const reader = new LeaseWord(word);
        for (const each of gates) {
          writeGate(word, each);
          assert.deepEqual([reader.read(), reader.read(), new LeaseWord(word).read()], [each, each, each]);
        }
      }),
    );
  });

  it("is shut for readers while it is being written, and gives up on a writer that was stopped there", () => {
    const word = makeLeaseWord();
    const [knows, isNew] = [new LeaseWord(word), new LeaseWord(word)];
    writeGate(word, OPEN);
    assert.deepEqual(knows.read(), OPEN);
    const shared = new Int32Array(word);
    Atomics.add(shared, SEQUENCE, 1);
    shared.fill(0x7f7f7f7f, 2, 6); // Half of the next one.
    assert.deepEqual(knows.read(), shutGate(3), "nothing passes, of the identity it knew");
    assert.deepEqual(isNew.read(), shutGate(0));
    for (const generation of [0, 3]) {
      const now = { mono: instant(0), wall: 0 };
      assert.notEqual(verdictOf(isNew.read(), generation, now, ALL_GATE_RULES), "open");
    }
    // The writer goes on.
    shared.fill(0, 2, 6);
    Atomics.add(shared, SEQUENCE, 1);
    writeGate(word, OPEN);
    assert.deepEqual([knows.read(), isNew.read()], [OPEN, OPEN]);
  });

  it("is read anew when the sequence has moved on, though the gate looks the same", () => {
    const word = makeLeaseWord();
    const reader = new LeaseWord(word);
    writeGate(word, OPEN);
    reader.read();
    writeGate(word, OPEN);
    writeGate(word, shutGate(4));
    assert.deepEqual(reader.read(), shutGate(4));
  });

  it("goes on where its sequence wraps", () => {
    for (const before of [0x7ffffffe, -2]) {
      const word = makeLeaseWord();
      const reader = new LeaseWord(word);
      Atomics.store(new Int32Array(word), SEQUENCE, before);
      assert.deepEqual(reader.read(), shutGate(0));
      for (const generation of [1, 2, 3]) {
        writeGate(word, { ...OPEN, generation });
        assert.equal(reader.read().generation, generation);
      }
    }
  });
});

function gateOf(generation: number, untilMono: number, untilWall: number, marginMs: number): LeaseGate {
  return { generation, untilMono: instant(untilMono), untilWall, marginMs };
}
