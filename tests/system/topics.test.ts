/**
 * Topics on one thread: who is told of interest, and that a value crosses to each interested thread once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError } from "../../core/failure.ts";
import type { ThreadIndex } from "../../core/ids.ts";
import type { Outbound } from "../../workers/outbox.ts";
import { TopicTable } from "../../workers/topic_table.ts";
import type { Notice } from "../../workers/worker_protocol.ts";

const thread = (index: number) => index as ThreadIndex;

/** A table on thread 1 of four, and everything it sends. Lanes to `fullThreads` refuse. */
function tableOf(fullThreads: readonly number[] = []) {
  const sent: (readonly [thread: number, notice: Notice])[] = [];
  const unexpected = () => assert.fail("a topic sends notices and nothing else");
  const outbound: Outbound = {
    send: unexpected,
    reply: unexpected,
    refuse: unexpected,
    operate: unexpected,
    countRefused: unexpected,
    refusedElsewhere: unexpected,
    notice: (to, notice) => void sent.push([to, notice]),
    offerNotice(to, notice) {
      if (notice.notice === "published" && typeof notice.value === "function") {
        throw new ActorError("value-cannot-travel", "a function cannot travel");
      }
      if (fullThreads.includes(to)) return false;
      sent.push([to, notice]);
      return true;
    },
  };
  const table = new TopicTable(thread(1), 4, outbound, unexpected);
  return { table, taken: () => sent.splice(0) };
}

const interest = (topic: string, isInterested: boolean): Notice => ({ notice: "interest", topic, isInterested });
const published = (topic: string, value: unknown): Notice => ({ notice: "published", topic, value });

describe("TopicTable", () => {
  it("tells every other thread of its first subscriber and of the loss of its last, and of none in between", () => {
    const { table, taken } = tableOf();
    const leaveFirst = table.listen("news", () => {});
    assert.deepEqual(taken(), [[0, interest("news", true)], [2, interest("news", true)], [3, interest("news", true)]]);
    const leaveSecond = table.listen("news", () => {});
    leaveFirst();
    leaveFirst();
    assert.deepEqual(taken(), []);
    leaveSecond();
    const isOver = interest("news", false);
    assert.deepEqual(taken(), [[0, isOver], [2, isOver], [3, isOver]]);
  });

  it("sends a value once to each thread with subscribers, and to every subscriber here", () => {
    const { table, taken } = tableOf();
    const heard: unknown[] = [];
    table.interest("news", thread(2), true);
    table.interest("news", thread(2), true);
    table.interest("news", thread(3), true);
    table.interest("other", thread(0), true);
    assert.equal(table.publish("news", 1), 0);
    assert.deepEqual(taken(), [[2, published("news", 1)], [3, published("news", 1)]]);
    table.interest("news", thread(3), false);
    table.listen("news", (value) => heard.push(["first", value]));
    table.listen("news", (value) => heard.push(["second", value]));
    taken();
    assert.equal(table.publish("news", 2), 0);
    assert.deepEqual(taken(), [[2, published("news", 2)]]);
    assert.deepEqual(heard, [["first", 2], ["second", 2]]);
  });

  it("hands on what another thread has published, and sends it nowhere", () => {
    const { table, taken } = tableOf();
    const heard: unknown[] = [];
    table.listen("news", (value) => heard.push(value));
    table.interest("news", thread(2), true);
    taken();
    table.deliver("news", 1);
    table.deliver("unheard", 2);
    assert.deepEqual([heard, taken()], [[1], []]);
  });

  it("counts the threads whose lane refused a value", () => {
    const { table, taken } = tableOf([2]);
    for (const other of [0, 2, 3]) table.interest("news", thread(other), true);
    assert.equal(table.publish("news", 1), 1);
    assert.deepEqual(taken().map(([to]) => to), [0, 3]);
  });

  it("gives a value that cannot travel to nobody", () => {
    const { table } = tableOf();
    table.listen("news", () => assert.fail("it was refused"));
    table.interest("news", thread(2), true);
    const isRefused = (error: unknown) => error instanceof ActorError && error.code === "value-cannot-travel";
    assert.throws(() => table.publish("news", () => {}), isRefused);
  });

  it("forgets a thread that was replaced, and tells its successor what is heard here", () => {
    const { table, taken } = tableOf();
    table.interest("news", thread(2), true);
    table.interest("other", thread(2), true);
    table.listen("news", () => {});
    taken();
    table.threadReplaced(thread(2));
    assert.deepEqual(taken(), [[2, interest("news", true)]]);
    table.publish("news", 1);
    table.publish("other", 1);
    assert.deepEqual(taken(), []);
  });
});
