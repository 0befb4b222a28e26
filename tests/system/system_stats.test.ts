/**
 * What threads answer, decoded and summed up.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError } from "../../core/failure.ts";
import { Counters } from "../../workers/counters.ts";
import { decodeActivity, decodeActors, decodeStats, totalsOf } from "../../system/system_stats.ts";

function statsOf(thread: number, actors: Record<string, number>, change: (counters: Counters) => void): unknown {
  const counters = new Counters();
  change(counters);
  return { thread, actors, counters: counters.values() };
}

describe("the stats of a system", () => {
  it("are the sums of its threads'", () => {
    const threads = [
      statsOf(0, {}, (counters) => counters.recordsSent += 5),
      statsOf(1, { a: 2, b: 1 }, (counters) => {
        counters.recordsSent += 3;
        counters.messagesLocal += 7;
        counters.deadLetter("mailbox-full");
      }),
      statsOf(2, { a: 1 }, (counters) => {
        counters.messagesLocal += 1;
        counters.deadLetter("mailbox-full");
        counters.deadLetter("reply-late");
      }),
    ];
    const { actors, deadLetters, deadLetterCount, recordsAcross, messagesLocal } = totalsOf(threads.map(decodeStats));
    assert.deepEqual({ actors, deadLetters, deadLetterCount, recordsAcross, messagesLocal }, {
      actors: { a: 3, b: 1 },
      deadLetters: { "mailbox-full": 2, "reply-late": 1 },
      deadLetterCount: 3,
      recordsAcross: 8,
      messagesLocal: 8,
    });
  });

  it("that are none are malformed, never believed", () => {
    const wrong = [undefined, null, 5, [], {}, { thread: -1, actors: {}, counters: {} }, {
      thread: 1,
      actors: { a: "2" },
      counters: {},
    }];
    const isMalformed = (error: unknown) => error instanceof ActorError && error.code === "malformed-bytes";
    for (const raw of wrong) {
      assert.throws(() => decodeStats(raw), isMalformed);
      assert.throws(() => decodeActors([raw]), isMalformed);
    }
    assert.throws(() => decodeActors({}), isMalformed);
    assert.throws(() => decodeActors([{ kind: "k", key: "no key!" }]), isMalformed);
    assert.throws(() => decodeActivity({ isQuiet: true, ran: 0.5 }), isMalformed);
    assert.deepEqual(decodeActivity({ isQuiet: 1, ran: 5 }), { isQuiet: false, ran: 5 });
    assert.deepEqual(decodeActors([{ kind: "k", key: "a/b" }]), [{ kind: "k", key: "a/b" }]);
  });
});
