/**
 * Who is let in, who isn't, and what a stranger learns.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { beginHandshake, continueHandshake, type HandshakeOutcome } from "../../remoting/handshake.ts";
import { decodeIdentity, decodeRefuse } from "../../remoting/handshake_frames.ts";
import { HEADER_BYTES, TYPE_IDENTITY, TYPE_PROOF, TYPE_REFUSE } from "../../remoting/wire.ts";
import { contextOf, SECRET, shake, type Shaken, type Side } from "./shake.ts";

const OTHER = { id: "k2", value: "another secret of some length" };

describe("a handshake", () => {
  it("makes two nodes of one cluster sure of each other, in six frames", () => {
    const shaken = shake(contextOf("dialer"), contextOf("listener"));
    assert.deepEqual(shaken.dialer, {
      kind: "up",
      peer: { id: "listener", address: "listener:1", dialNumber: 0 },
    });
    assert.deepEqual(shaken.listener, {
      kind: "up",
      peer: { id: "dialer", address: "dialer:1", dialNumber: 7 },
    });
    assert.equal(shaken.said.length, 6);
  });

  // The dialer, the listener, and how each ends: up, or why not, and who said so.
  const cases: readonly (readonly [string, Side, Side, string, string])[] = [
    [
      "another secret of the same name",
      { secrets: [{ ...SECRET, value: OTHER.value }] },
      {},
      "secret-differs by them",
      "secret-differs by us",
    ],
    [
      "a secret of another name",
      { secrets: [{ ...SECRET, id: "k9" }] },
      {},
      "secret-differs by them",
      "secret-differs by us",
    ],
    ["no secret where one is asked for", { secrets: [] }, {}, "secret-differs by them", "secret-differs by us"],
    ["a secret where there is none", {}, { secrets: [] }, "secret-differs by them", "secret-differs by us"],
    ["no secret on either side", { secrets: [] }, { secrets: [] }, "up", "up"],
    ["a new secret that the dialer accepts", { secrets: [SECRET, OTHER] }, { secrets: [OTHER, SECRET] }, "up", "up"],
    [
      "a new secret that the listener signs with, and the dialer does not know",
      {},
      { secrets: [OTHER, SECRET] },
      "secret-differs by us",
      "secret-differs by them",
    ],
    [
      "a new secret that the dialer signs with, and the listener does not know",
      { secrets: [OTHER, SECRET] },
      {},
      "secret-differs by them",
      "secret-differs by us",
    ],
    ["another cluster", { clusterName: "other" }, {}, "cluster-differs by us", "cluster-differs by them"],
    [
      "another setting",
      { settings: [["hash", "murmur"], ["partitionCount", 128]] },
      {},
      "settings-differ by us",
      "settings-differ by them",
    ],
    [
      "a setting that one side has not",
      { settings: [["hash", "murmur"]] },
      {},
      "settings-differ by us",
      "settings-differ by them",
    ],
    [
      "a number that looks like a text",
      { settings: [["hash", "murmur"], ["partitionCount", "271"]] },
      {},
      "settings-differ by us",
      "settings-differ by them",
    ],
    ["ourselves", { id: "x" }, { id: "x" }, "self by us", "self by them"],
    ["only later versions", { protocol: { min: 2, max: 3 } }, {}, "version-differs by us", "version-differs by us"],
    ["only earlier versions", {}, { protocol: { min: 2, max: 3 } }, "version-differs by us", "version-differs by us"],
    ["a version in common", { protocol: { min: 1, max: 3 } }, {}, "up", "up"],
    ["another lane", { lane: "data" }, {}, "malformed by us", "malformed by us"],
  ];
  for (const [claim, dialer, listener, dialerEnd, listenerEnd] of cases) {
    it(`with ${claim}: ${dialerEnd}, ${listenerEnd}`, () => {
      const shaken = shake(contextOf("dialer", dialer), contextOf("listener", listener));
      assert.deepEqual([endOf(shaken.dialer), endOf(shaken.listener)], [dialerEnd, listenerEnd]);
    });
  }

  it("names the setting and both values, on both sides", () => {
    const shaken = shake(
      contextOf("dialer", { settings: [["hash", "murmur"], ["partitionCount", 128]] }),
      contextOf("listener"),
    );
    for (const outcome of [shaken.dialer, shaken.listener]) {
      assert.match(wordsOf(outcome), /partitionCount/);
      assert.match(wordsOf(outcome), /128/);
      assert.match(wordsOf(outcome), /271/);
    }
  });

  it("tells both sides which versions the other speaks", () => {
    const shaken = shake(contextOf("dialer", { protocol: { min: 2, max: 3 } }), contextOf("listener"));
    assert.match(wordsOf(shaken.dialer), /we speak versions 2 to 3 of the protocol, the peer 1 to 1/);
    const refusal = shaken.said.find(({ by, batch }) => by === "listener" && batch[0] === TYPE_REFUSE);
    assert.ok(refusal !== undefined);
    assert.deepEqual(decodeRefuse(refusal.batch.subarray(HEADER_BYTES)), {
      closeCode: 4426,
      protocol: { min: 1, max: 1 },
      words: "",
    });
  });

  it("can be refused by either side for a reason of its own, and then says it", () => {
    const objection = { reason: "duplicate", words: "there is one" } as const;
    const byListener = shake(contextOf("dialer"), contextOf("listener", { objectionTo: () => objection }));
    assert.deepEqual([endOf(byListener.dialer), endOf(byListener.listener)], ["duplicate by them", "duplicate by us"]);
    assert.match(wordsOf(byListener.dialer), /"there is one"/);
    const byDialer = shake(contextOf("dialer", { objectionTo: () => objection }), contextOf("listener"));
    assert.deepEqual([endOf(byDialer.dialer), endOf(byDialer.listener)], ["duplicate by us", "duplicate by them"]);
  });
});

describe("a stranger", () => {
  it("that dials learns the versions, and that it was refused", () => {
    const shaken = shake(contextOf("dialer", { secrets: [OTHER] }), contextOf("listener"));
    const learned = shaken.said.filter(({ by }) => by === "listener").map(({ batch }) => latin1(batch)).join();
    assert.ok(!/listener|test|murmur|k1/.test(learned), learned);
  });

  it("that is dialed learns the versions, the name of a secret, and that the dialer knows it", () => {
    const shaken = shake(contextOf("dialer"), contextOf("listener", { secrets: [OTHER] }));
    const learned = shaken.said.filter(({ by }) => by === "dialer").map(({ batch }) => latin1(batch)).join();
    assert.ok(!/dialer|test|murmur/.test(learned), learned);
  });

  it("cannot use a proof again: each handshake has nonces of its own", () => {
    const heard = shake(contextOf("dialer"), contextOf("listener")).said.filter(({ by }) => by === "dialer");
    const again = contextOf("listener", { nonce: 0x12 });
    let step = beginHandshake(again);
    for (const { batch } of heard) {
      if (step.outcome === undefined) step = continueHandshake(again, step.state, batch);
    }
    assert.equal(endOf(step.outcome), "secret-differs by us");
  });

  it("cannot use what a listener signs as what a dialer signs, nor send back what it hears", () => {
    // The stranger dials the node and is dialed by it, and passes on what the node says itself.
    const node = { id: "node", address: "node:1" };
    const shaken = shake(contextOf("dialer", node), contextOf("listener", node));
    assert.deepEqual([endOf(shaken.dialer), endOf(shaken.listener)], ["self by us", "self by them"]);
    // One link is enough to send a hello back.
    const context = contextOf("dialer", node);
    const begun = beginHandshake(context);
    assert.ok(begun.batch !== undefined);
    assert.equal(endOf(continueHandshake(context, begun.state, begun.batch).outcome), "malformed by us");
  });

  it("cannot pass a listener's identity on as its own", () => {
    let identity = new Uint8Array();
    const shaken = shake(contextOf("dialer"), contextOf("listener"), (batch, by) => {
      if (batch[0] !== TYPE_IDENTITY) return batch;
      if (by === "listener") identity = new Uint8Array(batch);
      return identity; // In the place of the dialer's own.
    });
    assert.equal(endOf(shaken.listener), "secret-differs by us");
  });

  it("property: cannot change, lengthen or cut off anything that is said, by as little as a bit", () => {
    const bit = fc.record({ index: fc.nat(5), at: fc.nat(400), bit: fc.nat(7), cut: fc.option(fc.nat(400)) });
    let changedCount = 0;
    fc.assert(
      fc.property(bit, (change) => {
        let isChanged = false;
        const shaken = shake(contextOf("dialer"), contextOf("listener"), (batch, _by, index) => {
          if (index !== change.index) return batch;
          isChanged = true;
          const changed = new Uint8Array(batch);
          if (change.cut !== null) return changed.subarray(0, change.cut % batch.length);
          const at = change.at % batch.length;
          changed[at] = (changed[at] ?? 0) ^ (1 << change.bit);
          return changed;
        });
        if (!isChanged) return;
        changedCount++;
        const isUpTwice = shaken.dialer?.kind === "up" && shaken.listener?.kind === "up";
        assert.ok(!isUpTwice, "both sides are up after a change");
        // The listener ends with the dialer's last words; its own last ones it cannot see changed.
        if (change.index < 5) assert.notEqual(shaken.listener?.kind, "up");
        assert.notEqual(shaken.dialer?.kind, "up");
      }),
      { numRuns: 500 },
    );
    assert.ok(changedCount > 400);
  });

  it("property: cannot throw a side off with any bytes, in any state", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.constantFrom(1, 2, 3, 4, 5), fc.uint8Array({ maxLength: 300 })).map(([type, payload]) => {
        const batch = new Uint8Array(HEADER_BYTES + payload.length);
        batch[0] = type;
        new DataView(batch.buffer).setUint32(4, payload.length, true);
        batch.set(payload, HEADER_BYTES);
        return batch;
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom("dialer", "listener"), fc.nat(3), bytes, (role, lawful, last) => {
        const context = contextOf(role as "dialer" | "listener");
        const other = role === "dialer" ? "listener" : "dialer";
        const lawfulSaid = shake(contextOf("dialer"), contextOf("listener")).said.filter(({ by }) => by === other);
        let step = beginHandshake(context);
        for (const { batch } of lawfulSaid.slice(0, lawful)) {
          if (step.outcome === undefined) step = continueHandshake(context, step.state, batch);
        }
        if (step.outcome !== undefined) return;
        const end = continueHandshake(context, step.state, last);
        assert.ok(end.outcome?.kind !== "up");
      }),
      { numRuns: 1000 },
    );
  });

  it("cannot put words of its own into ours", () => {
    const shaken = shake(
      contextOf("dialer", { clusterName: 'x"\u001b[31m\nerror: all is lost' }),
      contextOf("listener"),
    );
    assert.equal(endOf(shaken.listener), "cluster-differs by them");
    const words = wordsOf(shaken.listener);
    assert.ok(!words.includes("\n") && !words.includes("\u001b"), JSON.stringify(words));
  });
});

describe("an identity", () => {
  it("is refused when its id, its address or its texts are none", () => {
    const good = shake(contextOf("dialer"), contextOf("listener")).said.find(({ batch }) => batch[0] === TYPE_IDENTITY);
    assert.ok(good !== undefined && decodeIdentity(good.batch.subarray(HEADER_BYTES)) !== undefined);
    for (const side of [{ id: "with space" }, { id: "é" }, { address: "nowhere" }, { address: "a:99999" }]) {
      const shaken = shake(contextOf("dialer"), contextOf("listener", side));
      assert.equal(endOf(shaken.dialer), "malformed by us", JSON.stringify(side));
    }
  });

  it("comes only after the proof", () => {
    const shaken = shake(contextOf("dialer"), contextOf("listener"), (batch, by) => {
      return by === "dialer" && batch[0] === TYPE_PROOF ? undefined : batch;
    });
    assert.deepEqual(shaken.said.map(({ batch }) => batch[0]), [1, 1, 2]);
  });
});

function endOf(outcome: HandshakeOutcome | undefined): string {
  if (outcome === undefined) return "waits";
  return outcome.kind === "up" ? "up" : `${outcome.objection.reason} by ${outcome.by}`;
}

function wordsOf(outcome: Shaken["dialer"]): string {
  assert.ok(outcome?.kind === "refused");
  return outcome.objection.words;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
