/**
 * A copy of a partition: a prefix of changes, with a digest, taken over whole.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { epoch } from "../../core/ids.ts";
import type { Entry } from "../../cluster/engine.ts";
import type { Change } from "../../cluster/partition_protocol.ts";
import {
  adopt,
  apply,
  assemble,
  changesAt,
  chunkAt,
  chunkStarts,
  createReplica,
  forget,
  isBehind,
  type Replica,
  seal,
} from "../../cluster/replica.ts";
import { entry } from "./view_values.ts";

/** Changes of one configuration: which name is written (an even draw) or deleted (an odd one). */
const histories = fc.array(fc.record({ key: fc.nat(6), isDelete: fc.boolean() }), { maxLength: 30 })
  .map((draws) => draws.map(({ key, isDelete }, index) => changeOf(`k${key}`, index + 1, isDelete)));

describe("copies", () => {
  it("that took the same changes are equal, and so are their digests and sizes (law)", () => {
    fc.assert(fc.property(histories, fc.nat(30), (changes, at) => {
      const one = copyOf(changes);
      // The other was given a whole copy in the middle.
      const middle = copyOf(changes.slice(0, at));
      const other = createReplica();
      adopt(other, epoch(1), middle.seq, new Map([...middle.entries].reverse()));
      for (const change of changes.slice(at)) apply(other, change);
      assert.deepEqual([other.seq, other.digest, other.bytes], [one.seq, one.digest, one.bytes]);
      assert.deepEqual(textOf(other), textOf(one));
    }));
  });

  it("that differ in one entry have different digests (law)", () => {
    fc.assert(fc.property(histories, fc.nat(6), (changes, key) => {
      const copy = copyOf(changes);
      const { digest } = copy;
      apply(copy, changeOf(`k${key}`, changes.length + 1, false));
      assert.notEqual(copy.digest, digest);
    }));
  });

  it("without entries have the digest 0 and no bytes, however they came to it", () => {
    const copy = copyOf([changeOf("k", 1, false), changeOf("k", 2, true), changeOf("k", 3, true)]);
    assert.deepEqual([copy.seq, copy.digest, copy.bytes, copy.entries.size], [3, 0, 0, 0]);
  });

  it("are compared by configuration, then by changes", () => {
    const at = (est: number, seq: number) => ({ est: epoch(est), seq });
    assert.ok(isBehind(at(1, 9), at(2, 0)));
    assert.ok(isBehind(at(2, 0), at(2, 1)));
    assert.ok(!isBehind(at(2, 1), at(2, 1)));
  });
});

describe("a seal", () => {
  it("only goes up, and ends what older configurations were bringing", () => {
    const copy = createReplica();
    assemble(copy, epoch(2), 0, 0, 2, []);
    assert.ok(seal(copy, epoch(2)));
    assert.notEqual(copy.incoming, undefined);
    assert.ok(seal(copy, epoch(3)));
    assert.equal(copy.incoming, undefined);
    assert.ok(!seal(copy, epoch(2)));
    assert.equal(copy.sealed, 3);
  });

  it("stays when the entries are forgotten", () => {
    const copy = copyOf([changeOf("k", 1, false)]);
    seal(copy, epoch(5));
    forget(copy);
    assert.deepEqual([copy.est, copy.seq, copy.sealed, copy.entries.size, copy.bytes], [0, 0, 5, 0, 0]);
  });

  it("is not lowered by a state that is adopted", () => {
    const copy = createReplica();
    seal(copy, epoch(5));
    adopt(copy, epoch(4), 0, new Map());
    assert.equal(copy.sealed, 5);
  });
});

describe("a state in chunks", () => {
  it("is whole when all have come in order, whatever comes twice or too early (law)", () => {
    const cases = fc.record({ count: fc.integer({ min: 1, max: 6 }), draws: fc.array(fc.nat(5), { maxLength: 40 }) });
    fc.assert(fc.property(cases, ({ count, draws }) => {
      const copy = createReplica();
      let expected = 0;
      for (const draw of draws) {
        const index = draw % count;
        const { received, whole } = assemble(copy, epoch(1), 7, index, count, [entry(`k${index}`, [1, index + 1])]);
        if (index === expected && (expected > 0 || index === 0)) expected++;
        assert.equal(received, expected);
        if (whole !== undefined) {
          assert.deepEqual([...whole.keys()], Array.from({ length: count }, (_, one) => `k${one}`));
          return;
        }
        assert.ok(expected < count);
      }
    }));
  });

  it("of another snapshot or configuration begins anew, and only with its first chunk", () => {
    const copy = createReplica();
    assemble(copy, epoch(1), 7, 0, 3, [entry("old", [1, 1])]);
    assert.deepEqual(assemble(copy, epoch(1), 8, 1, 3, [entry("k", [1, 2])]), { received: 0, whole: undefined });
    assert.equal(assemble(copy, epoch(1), 8, 0, 2, [entry("k", [1, 1])]).received, 1);
    const { whole } = assemble(copy, epoch(1), 8, 1, 2, [entry("l", [1, 2])]);
    assert.deepEqual([...whole?.keys() ?? []], ["k", "l"]);
  });

  it("goes in chunks of so many entries and bytes, each entry once and in order, and at least one (law)", () => {
    const sizes = fc.array(fc.nat(400_000), { maxLength: 12 });
    fc.assert(fc.property(sizes, fc.integer({ min: 1, max: 5 }), (bytes, max) => {
      const all = bytes.map((size, index) => withSpec(entry(`k${index}`, [1, index + 1]), size));
      const starts = chunkStarts(all, max);
      const chunks = starts.map((_, index) => chunkAt(all, starts, index));
      assert.deepEqual(chunks.flat(), all);
      assert.ok(chunks.length >= 1 && (all.length === 0 || chunks.every(({ length }) => length >= 1 && length <= max)));
      for (const chunk of chunks) {
        const size = chunk.reduce((sum, { record }) => sum + record.spec.byteLength, 0);
        assert.ok(chunk.length <= 1 || size <= 1 << 19, `${size} bytes`);
      }
      const changes = all.map((each) => ({ key: each.key, entry: each } satisfies Change));
      let sent = 0;
      while (sent < changes.length) {
        const part = changesAt(changes, sent, max);
        assert.ok(part.length >= 1 && part[0] === changes[sent]);
        assert.ok(part.length <= max);
        sent += part.length;
      }
      assert.equal(sent, changes.length);
    }));
  });
});

function withSpec(one: Entry, bytes: number): Entry {
  return { ...one, record: { ...one.record, spec: new Uint8Array(bytes) } };
}

function copyOf(changes: readonly Change[]): Replica {
  const copy = createReplica();
  adopt(copy, epoch(1), 0, new Map());
  for (const change of changes) apply(copy, change);
  return copy;
}

function changeOf(key: string, seq: number, isDelete: boolean): Change {
  return { key, entry: isDelete ? null : entry(key, [1, seq]) };
}

function textOf({ entries }: Replica): readonly string[] {
  return Array.from(entries.values(), ({ key, version }: Entry) => `${key}@${version.cfg}.${version.seq}`).sort();
}
