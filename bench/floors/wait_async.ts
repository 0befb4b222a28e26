/**
 * The floor of a round trip through shared memory: `Atomics.waitAsync` on both sides and nothing else. There is no
 * queue, so only one ask can be on its way. Runs on the main thread; the other end is `thread.ts`.
 *
 * @module
 */
import { askOneByOne, type AskToAdd } from "../asking.ts";
import type { Contests } from "../contestant.ts";
import { startThread } from "./post_message.ts";
import { CELLS_BYTES, REPLY_WORD, REQUEST_WORD } from "./thread.ts";

/** One ask in flight. */
export const waitAsyncAsk: Contests = { "S4.one-in-flight": (task) => askOneByOne(task, waitingAsk(), 1) };

const cells = new Int32Array(new SharedArrayBuffer(CELLS_BYTES));
let isStarted = false;

function waitingAsk(): AskToAdd {
  if (!isStarted) startThread({ kind: "waiter", cells });
  isStarted = true;
  const before = Atomics.load(cells, REPLY_WORD);
  return async (amount) => {
    const seen = Atomics.load(cells, REPLY_WORD);
    Atomics.add(cells, REQUEST_WORD, amount);
    Atomics.notify(cells, REQUEST_WORD, 1);
    // A notify that comes late ends the next wait too early, hence the loop.
    while (Atomics.load(cells, REPLY_WORD) === seen) {
      const wait = Atomics.waitAsync(cells, REPLY_WORD, seen);
      if (wait.async) await wait.value;
    }
    return Atomics.load(cells, REPLY_WORD) - before;
  };
}
