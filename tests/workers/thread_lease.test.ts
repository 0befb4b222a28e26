/**
 * The lease as one thread sees it: by its own clocks, for the identity it works under.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Instant, instant } from "../../core/ids.ts";
import { gateOf, shutGate, UNMEASURED } from "../../core/lease_gate.ts";
import { LeaseWord, makeLeaseWord, writeGate } from "../../workers/lease_word.ts";
import { ThreadLease } from "../../workers/thread_lease.ts";

const LEASE = { leaseMs: 6_000, softAfterMs: 3_600 };
/** The main thread's clock shows so much more than the worker's, which is younger. */
const BORN_MS = 40_000;

/** Two threads of one process. */
class Process {
  mono = 100_000;
  wall = 1_700_000_000_000;
  readonly word = makeLeaseWord();
  readonly main = new ThreadLease(new LeaseWord(this.word), this.#clocks(0), 0);
  readonly worker = new ThreadLease(new LeaseWord(this.word), this.#clocks(BORN_MS), UNMEASURED);

  publish(generation: number, leftMs: number): void {
    const until = { mono: instant(this.mono + leftMs), wall: this.wall + leftMs };
    writeGate(this.word, gateOf(generation, until, LEASE));
  }

  pass(ms: number): void {
    this.mono += ms;
    this.wall += ms;
  }

  /** A measurement of which each way takes so long. */
  measure(there = 0, back = 0): void {
    const workerMs = this.worker.clockMs();
    this.pass(there);
    const mainMs = instant(this.mono);
    this.pass(back);
    this.worker.measured(workerMs, mainMs);
  }

  #clocks(bornMs: number): { readonly mono: () => Instant; readonly wall: () => number } {
    return { mono: () => instant(this.mono - bornMs), wall: () => this.wall };
  }
}

describe("a thread's lease", () => {
  it("lets nothing pass on a worker that has not measured its clock, though it may adopt the identity", () => {
    const process = new Process();
    process.publish(1, 6_000);
    process.worker.adopt();
    assert.deepEqual([process.worker.verdict(), process.worker.mayLeave()], ["shut", false]);
    process.publish(1, 1e15);
    assert.deepEqual([process.worker.verdict(), process.worker.mayLeave()], ["shut", false]);
    process.measure();
    assert.deepEqual([process.worker.verdict(), process.worker.mayLeave()], ["open", true]);
  });

  it("needs no measurement on the main thread", () => {
    const process = new Process();
    process.publish(1, 6_000);
    process.main.adopt();
    assert.deepEqual([process.main.verdict(), process.main.mayLeave()], ["open", true]);
  });

  it("closes before it is shut, by the thread's own clock", () => {
    const process = new Process();
    process.publish(1, 6_000);
    process.measure();
    process.worker.adopt();
    const seen = [0, 3_598, 3_599, 5_998, 5_999].map((ms) => {
      const before = process.mono;
      process.pass(ms);
      const verdict = [process.worker.verdict(), process.worker.mayLeave()];
      process.pass(before - process.mono);
      return [ms, ...verdict];
    });
    assert.deepEqual(seen, [
      [0, "open", true],
      [3_598, "open", true],
      // A millisecond early: a clock may show one less than it is.
      [3_599, "closing", true],
      [5_998, "closing", true],
      [5_999, "shut", false],
    ]);
  });

  it("never stays open longer than on the main thread, however long the measurement took", () => {
    for (const [there, back] of [[0, 0], [3, 0], [0, 3], [500, 20], [20, 500], [7_000, 7_000]] as const) {
      const process = new Process();
      process.measure(there, back);
      process.publish(1, 6_000);
      process.worker.adopt();
      process.main.adopt();
      for (let ms = 0; ms < 6_100; ms += 50) {
        assert.ok(
          !process.worker.mayLeave() || process.main.mayLeave(),
          `${there} ms there, ${back} ms back, at ${ms}`,
        );
        process.pass(50);
      }
    }
  });

  it("keeps its best measurement", () => {
    const process = new Process();
    process.publish(1, 6_000);
    process.worker.adopt();
    process.measure(0, 0);
    process.measure(2_000, 0);
    process.publish(1, 6_000);
    process.pass(5_900);
    assert.equal(process.worker.verdict(), "closing", "the slow one took nothing away");
  });

  it("is over when the wall clock says so, wherever the monotonic one stands", () => {
    const process = new Process();
    process.publish(1, 6_000);
    process.measure();
    process.worker.adopt();
    process.wall += 6_000; // The machine slept, and its monotonic clock with it.
    assert.equal(process.worker.verdict(), "shut");
  });

  it("is over for what began under another identity, and stays so until that one is adopted", () => {
    const process = new Process();
    process.measure();
    process.publish(1, 6_000);
    assert.deepEqual([process.worker.verdict(), process.worker.mayLeave()], ["over", false]);
    assert.equal(process.worker.adopt(), true);
    assert.equal(process.worker.adopt(), false, "it is not new twice");
    assert.equal(process.worker.verdict(), "open");
    process.publish(2, 6_000);
    assert.deepEqual([process.worker.verdict(), process.worker.mayLeave(), process.worker.generation], [
      "over",
      false,
      1,
    ]);
    process.worker.adopt();
    assert.deepEqual([process.worker.verdict(), process.worker.generation], ["open", 2]);
  });

  it("is shut without a lease, and open again with the next of the same identity", () => {
    const process = new Process();
    process.measure();
    process.publish(1, 6_000);
    process.worker.adopt();
    writeGate(process.word, shutGate(1));
    assert.equal(process.worker.verdict(), "shut");
    process.publish(1, 6_000);
    assert.equal(process.worker.verdict(), "open");
  });

  it("is shut by clocks that show no number", () => {
    const process = new Process();
    process.publish(1, 6_000);
    process.measure();
    process.worker.adopt();
    process.wall = NaN;
    assert.deepEqual([process.worker.verdict(), process.worker.mayLeave()], ["shut", false]);
  });
});
