/**
 * Who sees which events, and what the other threads are told of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EVENT_TYPES, type TroupeEvent } from "../../core/events.ts";
import { ActorError } from "../../core/failure.ts";
import { SUBSCRIBERS_MAX } from "../../core/limits.ts";
import { EventStream } from "../../system/event_stream.ts";

const lost = (thread: number): TroupeEvent => ({ type: "workerLost", thread, reason: "exit", asksLost: 0 });
const replaced = (thread: number): TroupeEvent => ({ type: "workerReplaced", thread, actorsRestarted: 0 });
const letter: TroupeEvent = {
  type: "deadLetter",
  to: { kind: "k", key: "a", thread: 1 },
  handler: "h",
  from: undefined,
  reason: "mailbox-full",
  wasAsk: false,
};
const bit = (type: TroupeEvent["type"]) => 1 << EVENT_TYPES.indexOf(type);

describe("EventStream", () => {
  it("wants exactly what somebody reads, as the shared word says", async () => {
    const stream = new EventStream();
    const word = new Int32Array(stream.wanted);
    assert.equal(word[0], 0);
    const one = stream.subscribe(["workerLost"]);
    const two = stream.subscribe(["workerLost", "actorFailed"]);
    const letters = stream.deadLetters();
    assert.equal(word[0], bit("workerLost") | bit("actorFailed") | bit("deadLetter"));
    assert.equal(stream.wantedEvents(), word[0]);
    two.close();
    letters.close();
    assert.equal(word[0], bit("workerLost"));
    await one.return();
    assert.equal(word[0], 0);
  });

  it("hands an event to those who want it, and to nobody else", async () => {
    const stream = new EventStream();
    const [losses, all, letters] = [stream.subscribe(["workerLost"]), stream.subscribe(), stream.deadLetters()];
    for (const event of [lost(1), replaced(1), letter, lost(2)]) stream.publish(event);
    stream.close();
    assert.deepEqual(await Array.fromAsync(losses), [lost(1), lost(2)]);
    assert.deepEqual(await Array.fromAsync(all), [lost(1), replaced(1), letter, lost(2)]);
    assert.deepEqual(await Array.fromAsync(letters), [letter]);
  });

  it("tells a slow reader of events how many it has lost; of dead letters by its count alone", async () => {
    const stream = new EventStream();
    const [slow, letters] = [stream.subscribe(["workerLost"], { buffer: 1 }), stream.deadLetters({ buffer: 1 })];
    for (const thread of [1, 2, 3]) stream.publish(lost(thread));
    for (let index = 0; index < 3; index++) stream.publish(letter);
    stream.close();
    assert.deepEqual(await Array.fromAsync(slow), [{ type: "eventsLost", count: 2 }, lost(3)]);
    assert.deepEqual(await Array.fromAsync(letters), [letter]);
    assert.equal(letters.lostCount, 2);
  });

  it("has ended streams only once it is closed, and calls those who asked to be told", () => {
    const stream = new EventStream();
    let told = 0;
    const tell = () => void told++;
    const other = () => assert.fail("it has taken that back");
    stream.onClose(tell);
    stream.onClose(other);
    stream.offClose(other);
    stream.close();
    assert.equal(told, 1);
    assert.equal(stream.subscribe().isClosed, true);
    assert.equal(stream.deadLetters().isClosed, true);
    assert.equal(stream.wantedEvents(), 0);
  });

  it("refuses events that do not exist, and more readers than its limit", () => {
    const stream = new EventStream();
    const wrong: TroupeEvent["type"][] = JSON.parse('["actorBorn"]');
    assert.throws(
      () => stream.subscribe(wrong),
      (error) => error instanceof ActorError && error.code === "invalid-options",
    );
    const readers = Array.from({ length: SUBSCRIBERS_MAX }, () => stream.subscribe(["workerLost"], { buffer: 1 }));
    assert.throws(() => stream.deadLetters(), (error) => error instanceof ActorError && error.code === "limit-reached");
    readers[0]?.close();
    stream.deadLetters().close();
  });
});
