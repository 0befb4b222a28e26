/**
 * The wheel's promises one at a time; what it does in combination is in `tests/properties/timer_wheel.test.ts`.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { WAIT_MS_MAX } from "../../core/limits.ts";
import { type TimerEntry, TimerWheel } from "../../core/timer_wheel.ts";

class Waiting implements TimerEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A wheel at `nowMs` with an entry of each name, scheduled in this order. */
function wheelAt(nowMs: number, dues: Readonly<Record<string, number>>): [TimerWheel<Waiting>, Map<string, Waiting>] {
  const wheel = new TimerWheel<Waiting>(nowMs);
  const entries = new Map(Object.keys(dues).map((name) => [name, new Waiting(name)]));
  for (const entry of entries.values()) wheel.schedule(entry, dues[entry.name] ?? 0);
  return [wheel, entries];
}

function namesGiven(wheel: TimerWheel<Waiting>, nowMs: number, entriesMax?: number): readonly string[] {
  const names: string[] = [];
  wheel.advance(nowMs, (entry) => names.push(entry.name), entriesMax);
  return names;
}

function entry(entries: ReadonlyMap<string, Waiting>, name: string): Waiting {
  const found = entries.get(name);
  assert.ok(found !== undefined);
  return found;
}

describe("TimerWheel", () => {
  it("gives entries in the order of their due times, not of their scheduling", () => {
    const [wheel] = wheelAt(0, { late: 70_000, soon: 3, later: 90_000_000, middle: 500 });
    assert.deepEqual(namesGiven(wheel, 100_000_000), ["soon", "middle", "late", "later"]);
    assert.equal(wheel.size, 0);
  });

  it("gives entries due at the same time in the order they were scheduled, from near or from far", () => {
    const [wheel, entries] = wheelAt(0, { first: 5_000, second: 5_000 });
    wheel.advance(4_990, () => assert.fail("nothing is due"));
    wheel.schedule(new Waiting("third"), 5_000);
    wheel.schedule(entry(entries, "first"), 5_000);
    assert.deepEqual(namesGiven(wheel, 5_000), ["second", "third", "first"]);
  });

  it("never gives an entry early", () => {
    for (const dueMs of [1, 31, 32, 33, 1_023, 1_024, 5_000, 32_768, 1_048_577, WAIT_MS_MAX]) {
      const [wheel] = wheelAt(0, { it: dueMs });
      assert.deepEqual(namesGiven(wheel, dueMs - 1), []);
      assert.deepEqual(namesGiven(wheel, dueMs), ["it"]);
    }
  });

  it("rounds a due time up to a whole millisecond", () => {
    const [wheel, entries] = wheelAt(10.5, { it: 20.1 });
    assert.equal(entry(entries, "it").dueMs, 21);
    assert.deepEqual(namesGiven(wheel, 20.9), []);
    assert.deepEqual(namesGiven(wheel, 21), ["it"]);
  });

  it("does not give an entry that was cancelled, and cancels it twice without harm", () => {
    const [wheel, entries] = wheelAt(0, { a: 10, b: 10, c: 10 });
    wheel.cancel(entry(entries, "b"));
    wheel.cancel(entry(entries, "b"));
    assert.equal(wheel.size, 2);
    assert.equal(wheel.isScheduled(entry(entries, "b")), false);
    assert.deepEqual(namesGiven(wheel, 10), ["a", "c"]);
  });

  it("lets go of the neighbours of an entry that waits no longer", () => {
    const [wheel, entries] = wheelAt(0, { a: 10, b: 10, c: 10 });
    wheel.cancel(entry(entries, "b"));
    wheel.advance(10, () => {});
    for (const { wheelNext, wheelPrevious } of entries.values()) {
      assert.deepEqual([wheelNext, wheelPrevious], [undefined, undefined]);
    }
  });

  it("waits for the new time only when an entry is scheduled again", () => {
    const [wheel, entries] = wheelAt(0, { it: 10 });
    wheel.schedule(entry(entries, "it"), 2_000);
    assert.equal(wheel.size, 1);
    assert.deepEqual(namesGiven(wheel, 1_999), []);
    assert.deepEqual(namesGiven(wheel, 2_000), ["it"]);
  });

  it("leaves to the next call what the callback schedules for now or before", () => {
    const [wheel] = wheelAt(0, { it: 10 });
    let given = 0;
    const again = (it: Waiting) => {
      given++;
      wheel.schedule(it, 5);
    };
    assert.equal(wheel.advance(100, again), true);
    assert.equal(given, 1);
    assert.equal(wheel.nextDueMs(), 100);
    assert.equal(wheel.advance(100, () => given++), false);
    assert.equal(given, 2);
  });

  it("does not give an entry that an earlier callback of the same call cancels", () => {
    const [wheel, entries] = wheelAt(0, { a: 10, b: 20, c: 30 });
    const given: string[] = [];
    wheel.advance(30, ({ name }) => {
      given.push(name);
      wheel.cancel(entry(entries, "b"));
    });
    assert.deepEqual(given, ["a", "c"]);
  });

  it("gives at most as many as it may, and the rest first in the next call", () => {
    const [wheel] = wheelAt(0, { a: 10, b: 20, c: 30, d: 40 });
    assert.equal(wheel.advance(35, () => {}, 0), true);
    assert.deepEqual(namesGiven(wheel, 35, 2), ["a", "b"]);
    assert.equal(wheel.nextDueMs(), 35);
    assert.deepEqual(namesGiven(wheel, 40), ["c", "d"]);
  });

  it("gives the rest in the next call when a callback throws", () => {
    const [wheel] = wheelAt(0, { a: 10, b: 20 });
    assert.throws(() =>
      wheel.advance(20, () => {
        throw new Error("boom");
      }), /boom/);
    assert.equal(wheel.size, 1);
    assert.deepEqual(namesGiven(wheel, 20), ["b"]);
  });

  it("stays where it is when the time given is before the present", () => {
    const [wheel] = wheelAt(100, { it: 110 });
    assert.deepEqual(namesGiven(wheel, 50), []);
    assert.equal(wheel.nextDueMs(), 110);
    assert.deepEqual(namesGiven(wheel, 110), ["it"]);
  });

  it("has no next due time when nothing waits, also after all was cancelled", () => {
    const [wheel, entries] = wheelAt(0, { it: 5_000 });
    wheel.cancel(entry(entries, "it"));
    assert.equal(wheel.nextDueMs(), undefined);
  });

  it("knows the exact due time of what is due within the current 32 ms, a bound for the rest", () => {
    assert.equal(wheelAt(0, { it: 31 })[0].nextDueMs(), 31);
    assert.equal(wheelAt(0, { it: 1_000 })[0].nextDueMs(), 992);
    assert.equal(wheelAt(0, { it: 5_000 })[0].nextDueMs(), 4_096);
  });

  it("jumps over any time without stopping at its ticks", () => {
    // 2^43 ms are 278 years: a stop at every tick would not end in this test's lifetime.
    const [wheel] = wheelAt(0, { near: 5, far: 2 ** 43 });
    assert.deepEqual(namesGiven(wheel, 2 ** 43 - 1), ["near"]);
    assert.deepEqual(namesGiven(wheel, 2 ** 43), ["far"]);
  });

  it("keeps to the due time at the end of a lap of 2^30 ms and across it", () => {
    for (const lapEndMs of [2 ** 30, 2 ** 31, 2 ** 32, 3 * 2 ** 30, 1_583 * 2 ** 30]) {
      const [wheel] = wheelAt(lapEndMs - 10, { end: lapEndMs, before: lapEndMs - 1, behind: lapEndMs + 1 });
      assert.deepEqual(namesGiven(wheel, lapEndMs - 1), ["before"]);
      assert.equal(wheel.nextDueMs(), lapEndMs);
      assert.deepEqual(namesGiven(wheel, lapEndMs), ["end"]);
      assert.deepEqual(namesGiven(wheel, lapEndMs + 1), ["behind"]);
    }
  });

  it("refuses times that are not numbers of milliseconds", () => {
    const [wheel, entries] = wheelAt(0, { it: 10 });
    for (const ms of [NaN, Infinity, -Infinity]) {
      assert.throws(() => wheel.schedule(entry(entries, "it"), ms), /a due time is/);
      assert.throws(() => wheel.advance(ms, () => {}), /the present is/);
    }
    assert.equal(wheel.size, 1);
  });
});
