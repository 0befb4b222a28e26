/**
 * One doorbell in one thread: what its owner promises before it sleeps, and every order of ringing and parking.
 * That no wake-up is lost between threads is in `tests/properties/ring_threads.test.ts`.
 *
 * @module
 */
import { after, before, describe, it } from "node:test";
import { clearInterval, setImmediate, setInterval } from "node:timers";
import assert from "node:assert/strict";
import { Doorbell } from "../../workers/doorbell.ts";
import { makeDoorbell } from "../../workers/ring_layout.ts";

const AWAKE = 0;
const PARKED = 1;

describe("doorbell", () => {
  // Somebody who waits for a doorbell alone does not keep a process alive.
  let keepAlive: ReturnType<typeof setInterval> | undefined;
  before(() => void (keepAlive = setInterval(() => {}, 1_000)));
  after(() => clearInterval(keepAlive));

  it("park() does not sleep when there is work, and leaves the owner awake", () => {
    const { doorbell, word } = makeBell();
    assert.equal(doorbell.park(() => true), undefined);
    assert.equal(word(), AWAKE);
  });

  it("park() looks for work after it has said that it sleeps, or a writer in between would ring in vain", () => {
    const { doorbell, word } = makeBell();
    const looks: number[] = [];
    const rung = doorbell.park(() => {
      looks.push(word());
      return word() === PARKED;
    });
    assert.equal(rung, undefined);
    assert.deepEqual(looks, [PARKED]);
  });

  it("ring() wakes a sleeping owner, by any object over the same memory", async () => {
    const { doorbell, memory, word } = makeBell();
    const rung = doorbell.park(noWork);
    assert.equal(word(), PARKED);
    new Doorbell(memory).ring();
    assert.equal(word(), AWAKE);
    await rung;
  });

  it("ring() while the owner is awake leaves no wake-up behind", async () => {
    const { doorbell } = makeBell();
    doorbell.ring();
    assert.equal(await isPending(doorbell.park(noWork)), true);
  });

  it("park() does not sleep when it is rung after its last look", () => {
    const { doorbell, word } = makeBell();
    const rung = doorbell.park(() => {
      doorbell.ring();
      return false;
    });
    assert.equal(rung, undefined);
    assert.equal(word(), AWAKE);
  });

  it("an owner that something else woke sleeps on with the same promise, and is woken by it", async () => {
    const { doorbell, word } = makeBell();
    const first = doorbell.park(noWork);
    doorbell.unpark();
    assert.equal(word(), AWAKE);
    doorbell.unpark();
    assert.equal(doorbell.park(noWork), first);
    assert.equal(doorbell.park(noWork), first);
    doorbell.ring();
    await first;
  });

  it("an owner that was rung and parks before its promise has resolved sleeps anew", async () => {
    const { doorbell } = makeBell();
    const first = doorbell.park(noWork);
    doorbell.ring();
    const second = doorbell.park(noWork);
    assert.notEqual(second, first);
    await first;
    assert.equal(await isPending(second), true);
    doorbell.ring();
    await second;
  });

  it("a wake-up too many costs one look: the next sleep is a sleep", async () => {
    const { doorbell, memory } = makeBell();
    const first = doorbell.park(noWork);
    Atomics.notify(new Int32Array(memory), 0, 1); // Whoever took the word of an earlier sleep, and was slow.
    await first;
    const second = doorbell.park(noWork);
    assert.equal(await isPending(second), true);
    doorbell.ring();
    await second;
  });

  it("is rung and parked a thousand times in turn", async () => {
    const { doorbell } = makeBell();
    for (let round = 0; round < 1_000; round++) {
      const rung = doorbell.park(noWork);
      assert.ok(rung !== undefined);
      doorbell.ring();
      await rung;
    }
  });

  it("spins before it says that it sleeps", () => {
    const { doorbell, word } = makeBell(1_000);
    let looks = 0;
    const rung = doorbell.park(() => {
      assert.equal(word(), AWAKE);
      return ++looks === 5;
    });
    assert.equal(rung, undefined);
  });

  it("spins less often when it spun in vain, and again when that helped", () => {
    const { doorbell } = makeBell(1);
    const looksOf = (limit: number) => {
      let looks = 0;
      doorbell.park(() => ++looks === limit);
      return looks;
    };
    assert.ok(looksOf(Infinity) > 1); // In vain: one park goes without.
    assert.equal(looksOf(Infinity), 1);
    assert.ok(looksOf(Infinity) > 1); // In vain again: three go without.
    for (let park = 0; park < 3; park++) assert.equal(looksOf(Infinity), 1);
    assert.equal(looksOf(2), 2);
    assert.equal(looksOf(2), 2);
  });
});

function makeBell(spinUs: number = 0) {
  const memory = makeDoorbell();
  return { memory, doorbell: new Doorbell(memory, { spinUs }), word: () => Atomics.load(new Int32Array(memory), 0) };
}

function noWork(): boolean {
  return false;
}

/** Whether `promise` is still pending after the event loop has gone around twice. */
async function isPending(promise: Promise<unknown> | undefined): Promise<boolean> {
  const turn = () => new Promise((resolve) => setImmediate(resolve, "turned"));
  return await Promise.race([promise, turn().then(turn)]) === "turned";
}
