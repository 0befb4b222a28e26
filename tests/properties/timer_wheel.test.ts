/**
 * The wheel against a list that is searched from end to end: whatever is scheduled, cancelled and advanced, in
 * callbacks too and around every power of two of the clock, both give the same entries in the same order.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { type TimerEntry, TimerWheel } from "../../core/timer_wheel.ts";

class Waiting implements TimerEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }
}

interface ModelEntry {
  readonly dueMs: number;
  readonly order: number;
}

/** What the wheel promises, in the plainest way: an unsorted list of what waits. */
class NaiveTimers {
  readonly waiting: Map<number, ModelEntry> = new Map();
  presentMs: number;
  #scheduled = 0;

  constructor(nowMs: number) {
    this.presentMs = Math.floor(nowMs);
  }

  schedule(id: number, dueMs: number): void {
    this.waiting.set(id, { dueMs: Math.max(Math.ceil(dueMs), this.presentMs), order: this.#scheduled++ });
  }

  cancel(id: number): void {
    this.waiting.delete(id);
  }

  advance(nowMs: number, expired: (id: number) => void, entriesMax: number): boolean {
    this.presentMs = Math.max(this.presentMs, Math.floor(nowMs));
    const scheduledBefore = this.#scheduled;
    for (let given = 0; given < entriesMax; given++) {
      const first = this.#due().find(([, entry]) => entry.order < scheduledBefore);
      if (first === undefined) break;
      this.cancel(first[0]);
      expired(first[0]);
    }
    return this.#due().length > 0;
  }

  /** When the first is due: the present if one is due already. */
  firstDueMs(): number {
    return Math.max(this.presentMs, Math.min(...[...this.waiting.values()].map((entry) => entry.dueMs)));
  }

  #due(): [number, ModelEntry][] {
    return [...this.waiting]
      .filter(([, entry]) => entry.dueMs <= this.presentMs)
      .sort(([, a], [, b]) => a.dueMs - b.dueMs || a.order - b.order);
  }
}

type Call =
  | { readonly kind: "schedule"; readonly id: number; readonly inMs: number; readonly alignMs: number }
  | { readonly kind: "cancel"; readonly id: number };
type Command =
  | Call
  | { readonly kind: "advance"; readonly byMs: number; readonly alignMs: number; readonly entriesMax: number };

const ENTRY_COUNT = 12;

/** Around the places where something changes: ticks, levels, laps, 32 bits, the clock of 1970. */
const startMs = fc.tuple(
  fc.constantFrom(0, 31, 1_023, 32_767, 1_048_575, 2 ** 25, 2 ** 30, 2 ** 31, 2 ** 32, 1.7e12, -1_000),
  fc.integer({ min: -40, max: 40 }),
  fc.constantFrom(0, 0.25, 0.999),
).map(([base, near, part]) => base + near + part);
const spanMs = fc.oneof(
  fc.integer({ min: 0, max: 70 }),
  fc.integer({ min: 0, max: 5_000 }),
  fc.double({ min: 0, max: 3_000, noNaN: true }),
  fc.integer({ min: 0, max: 24 * 60 * 60 * 1_000 }),
  fc.tuple(
    fc.constantFrom(2 ** 5, 2 ** 10, 2 ** 15, 2 ** 20, 2 ** 25, 2 ** 30, 2 ** 32),
    fc.integer({ min: -2, max: 2 }),
  )
    .map(([base, near]) => base + near),
);
/** Most times are taken as they come, `0`; the others at the next beginning of a slot of this many ticks. */
const alignMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  fc.constantFrom(32, 1_024, 2 ** 25, 2 ** 30, 2 ** 32),
);
const id = fc.nat(ENTRY_COUNT - 1);
const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("schedule" as const),
      id,
      inMs: fc.oneof({ weight: 8, arbitrary: spanMs }, { weight: 1, arbitrary: fc.integer({ min: -100, max: 0 }) }),
      alignMs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), id }) },
);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: call },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      byMs: fc.oneof({ weight: 8, arbitrary: spanMs }, { weight: 1, arbitrary: fc.integer({ min: -50, max: 0 }) }),
      alignMs,
      entriesMax: fc.oneof(fc.constant(Infinity), fc.nat(3)),
    }),
  },
);
/** What an entry does when it is given: `scripts[id]`. */
const scripts = fc.array(fc.array(call, { maxLength: 2 }), { minLength: ENTRY_COUNT, maxLength: ENTRY_COUNT });

describe("TimerWheel", () => {
  it("property: gives what a searched list gives, in the same order", () => {
    fc.assert(
      fc.property(startMs, fc.array(command, { maxLength: 60, size: "max" }), scripts, (start, commands, scripts) => {
        const entries = Array.from({ length: ENTRY_COUNT }, (_, id) => new Waiting(id));
        const wheel = new TimerWheel<Waiting>(start);
        const model = new NaiveTimers(start);
        let nowMs = start;
        for (const one of commands) {
          if (one.kind === "advance") {
            nowMs = aligned(nowMs + one.byMs, one.alignMs);
            const given = advanceWheel(wheel, entries, scripts, nowMs, one.entriesMax);
            assert.deepEqual(given, advanceModel(model, scripts, nowMs, one.entriesMax));
          } else {
            callWheel(wheel, entries, one, nowMs);
            callModel(model, one, nowMs);
          }
          assertAgree(wheel, entries, model);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("property: nobody waits too long when advanced at nextDueMs() only, and few calls are for nothing", () => {
    fc.assert(fc.property(startMs, fc.array(spanMs, { maxLength: 30, size: "max" }), (start, spans) => {
      const wheel = new TimerWheel<Waiting>(start);
      for (const [id, span] of spans.entries()) wheel.schedule(new Waiting(id), start + span);
      let calls = 0;
      let given = 0;
      for (let nextMs = wheel.nextDueMs(); nextMs !== undefined; nextMs = wheel.nextDueMs(), calls++) {
        const atMs = nextMs;
        wheel.advance(atMs, (entry) => {
          given++;
          assert.ok(Math.max(entry.dueMs, Math.floor(start)) === atMs, `${entry.dueMs} is given at ${atMs}`);
        });
      }
      assert.equal(given, spans.length);
      // Six levels below the end of a lap; 2^32 ms are up to five laps.
      assert.ok(calls <= spans.length * 7 + 5, `${calls} calls for ${spans.length} entries`);
    }));
  });
});

function aligned(ms: number, alignMs: number): number {
  return alignMs === 0 ? ms : Math.ceil(ms / alignMs) * alignMs;
}

function callWheel(wheel: TimerWheel<Waiting>, entries: readonly Waiting[], one: Call, nowMs: number): void {
  const entry = entries[one.id];
  assert.ok(entry !== undefined);
  if (one.kind === "schedule") wheel.schedule(entry, aligned(nowMs + one.inMs, one.alignMs));
  else wheel.cancel(entry);
}

function callModel(model: NaiveTimers, one: Call, nowMs: number): void {
  if (one.kind === "schedule") model.schedule(one.id, aligned(nowMs + one.inMs, one.alignMs));
  else model.cancel(one.id);
}

function advanceWheel(
  wheel: TimerWheel<Waiting>,
  entries: readonly Waiting[],
  scripts: readonly (readonly Call[])[],
  nowMs: number,
  entriesMax: number,
): readonly unknown[] {
  const given: number[] = [];
  const isMore = wheel.advance(nowMs, (entry) => {
    assert.equal(wheel.isScheduled(entry), false);
    given.push(entry.id);
    for (const one of scripts[entry.id] ?? []) callWheel(wheel, entries, one, nowMs);
  }, entriesMax);
  return [given, isMore];
}

function advanceModel(
  model: NaiveTimers,
  scripts: readonly (readonly Call[])[],
  nowMs: number,
  entriesMax: number,
): readonly unknown[] {
  const given: number[] = [];
  const isMore = model.advance(nowMs, (id) => {
    given.push(id);
    for (const one of scripts[id] ?? []) callModel(model, one, nowMs);
  }, entriesMax);
  return [given, isMore];
}

function assertAgree(wheel: TimerWheel<Waiting>, entries: readonly Waiting[], model: NaiveTimers): void {
  assert.equal(wheel.size, model.waiting.size);
  for (const entry of entries) assert.equal(wheel.isScheduled(entry), model.waiting.has(entry.id));
  const nextMs = wheel.nextDueMs();
  if (nextMs === undefined) return assert.equal(model.waiting.size, 0);
  const firstMs = model.firstDueMs();
  assert.ok(nextMs <= firstMs, `${nextMs} is late for ${firstMs}`);
  assert.ok(firstMs - nextMs < slotTicks(firstMs, model.presentMs), `${nextMs} is too early for ${firstMs}`);
}

/** Ticks of the slot that holds what is due at `dueMs`: the largest power of 32 that tells it from the present. */
function slotTicks(dueMs: number, presentMs: number): number {
  if (dueMs <= presentMs) return 1;
  for (let ticks = 1; ticks < 2 ** 30; ticks *= 32) {
    if (Math.floor(dueMs / (ticks * 32)) === Math.floor(presentMs / (ticks * 32))) return ticks;
  }
  return Infinity; // After this lap: the bound is the lap's end, however far behind it the entry is.
}
