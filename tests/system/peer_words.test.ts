/**
 * What the systems of two nodes say to each other, as bytes: what goes in comes out, and hostile bytes are malformed and
 * nothing worse.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encodeFrame } from "../../cluster/frame_bytes.ts";
import { encodeToBytes } from "../../core/codec.ts";
import { ActorError } from "../../core/failure.ts";
import type { ActorKey } from "../../core/ids.ts";
import { STOP_REASONS } from "../../core/lifecycle.ts";
import { isKey } from "../../core/names.ts";
import { decodePeerWord, encodePeerWord, isPeerWord, type PeerWord } from "../../system/peer_words.ts";
import { SAMPLE_FRAMES } from "../cluster/frame_samples.ts";

describe("words of systems", () => {
  it("property: each comes out as it went in", () => {
    fc.assert(fc.property(words(), (word) => {
      const bytes = encodePeerWord(word);
      assert.equal(isPeerWord(bytes), true);
      assert.deepStrictEqual(decodePeerWord(bytes), word);
    }));
  });

  it("are told from the frames of machines by their first byte", () => {
    for (const frame of SAMPLE_FRAMES) assert.equal(isPeerWord(encodeFrame(frame)), false, frame.message.kind);
    assert.equal(isPeerWord(new Uint8Array(0)), false);
  });

  const malformed: readonly (readonly [why: string, raw: unknown])[] = [
    ["no object", 5],
    ["a list", []],
    ["a kind nobody knows", { kind: "dance" }],
    ["a topic that is no text", { kind: "interest", topic: 5, isInterested: true }],
    ["a topic of any length", { kind: "interest", topic: "x".repeat(1_025), isInterested: true }],
    ["a value that is no bytes", { kind: "published", topic: "t", value: "x" }],
    ["a watcher that is no key", { kind: "watch", watcher: "a b", key: "a", actorKind: "k" }],
    ["nothing to watch", { kind: "watch", watcher: "a", actorKind: "k" }],
    ["an end for no reason", { kind: "terminated", watcher: "a", key: "b", actorKind: "k", reason: "bored" }],
    ["a page of less than nothing", { kind: "list", id: 1, after: undefined, count: -1 }],
    ["a page behind no key", { kind: "list", id: 1, after: "a b", count: 1 }],
    ["a list without a number", { kind: "list", after: undefined, count: 1 }],
    ["half an actor of a page", { kind: "listed", id: 1, actors: [{ kind: "k" }] }],
    ["more actors than a page has", {
      kind: "listed",
      id: 1,
      actors: Array.from({ length: 4_097 }, () => ({ kind: "k", key: "a" })),
    }],
  ];
  for (const [why, raw] of malformed) {
    it(`${why} is malformed`, () => {
      assert.throws(() => decodePeerWord(Uint8Array.of(0x20, ...encodeToBytes(raw))), isMalformed);
    });
  }

  it("nobody is asked for a larger page than a page may be", () => {
    const word = decodePeerWord(encodePeerWord({ kind: "list", id: 1, after: undefined, count: 1e12 }));
    assert.ok(word.kind === "list" && word.count === 4_096);
  });

  it("property: cut short they are malformed, changed or random at most that", () => {
    const bytes = fc.oneof(
      fc.tuple(words(), fc.nat()).map(([word, cut]) => cutOf(encodePeerWord(word), cut)),
      fc.tuple(words(), fc.nat(), fc.integer({ min: 0, max: 255 })).map(([word, at, value]) => {
        const changed = encodePeerWord(word);
        changed[1 + at % (changed.length - 1)] = value;
        return changed;
      }),
      fc.uint8Array({ maxLength: 80 }),
    );
    fc.assert(
      fc.property(bytes, (changed) => {
        try {
          decodePeerWord(changed);
        } catch (thrown) {
          assert.ok(isMalformed(thrown), String(thrown));
        }
      }),
      { numRuns: 1_500 },
    );
    fc.assert(fc.property(words(), fc.nat(), (word, cut) => {
      assert.throws(() => decodePeerWord(cutOf(encodePeerWord(word), cut)), isMalformed);
    }));
  });
});

function cutOf(bytes: Uint8Array, cut: number): Uint8Array {
  return bytes.subarray(0, cut % bytes.length);
}

function isMalformed(thrown: unknown): boolean {
  return thrown instanceof ActorError && thrown.code === "malformed-bytes";
}

function words(): fc.Arbitrary<PeerWord> {
  const key = fc.constantFrom("a", "note:a", "parent/child", "note:a/inner").map((text): ActorKey => {
    assert.ok(isKey(text));
    return text;
  });
  const text = fc.string({ maxLength: 50 }).map((one) => one.toWellFormed());
  const id = fc.maxSafeNat();
  return fc.oneof<fc.Arbitrary<PeerWord>[]>(
    recordOf({ kind: fc.constant("interest" as const), topic: text, isInterested: fc.boolean() }),
    fc.constant({ kind: "again" }),
    recordOf({ kind: fc.constant("published" as const), topic: text, value: fc.uint8Array() }),
    recordOf({ kind: fc.constantFrom("watch", "unwatch"), watcher: key, key, actorKind: text }),
    recordOf({
      kind: fc.constant("terminated" as const),
      watcher: key,
      key,
      actorKind: text,
      reason: fc.constantFrom(...STOP_REASONS),
    }),
    recordOf({
      kind: fc.constant("list" as const),
      id,
      after: fc.option(key, { nil: undefined }),
      count: fc.integer({ min: 0, max: 4_096 }),
    }),
    recordOf({
      kind: fc.constant("listed" as const),
      id,
      actors: fc.array(recordOf({ kind: text, key }), { maxLength: 5 }),
    }),
  );
}

function recordOf<T>(model: { readonly [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}
