/**
 * The queue in front of the machine of a node.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeInput } from "../../cluster/cluster_node.ts";
import { instant } from "../../core/ids.ts";
import { InputQueue } from "../../system/input_queue.ts";

/** A queue that writes down what it does; `take` may do more. */
function queueThat(take: (ms: number, queue: InputQueue) => void): { queue: InputQueue; log: string[] } {
  const log: string[] = [];
  let readings = 0;
  const queue: InputQueue = new InputQueue({
    now: () => ({ mono: instant(readings++), wall: 0 }),
    take: (input, now) => {
      assert.ok(input.kind === "lag");
      log.push(`${input.ms}@${now.mono}`);
      take(input.ms, queue);
    },
    broke: (thrown) => log.push(`broke ${thrown}`),
    pumped: () => log.push("pumped"),
  });
  return { queue, log };
}

/** An input that is known by its number. */
const numbered = (ms: number): NodeInput => ({ kind: "lag", ms });
const soon = () => Promise.resolve();

describe("the queue in front of a machine", () => {
  it("takes nothing from inside of the call that puts it in, and all in order", async () => {
    const { queue, log } = queueThat((ms, queue) => {
      if (ms === 1) queue.push(numbered(3));
    });
    queue.push(numbered(1));
    queue.push(() => log.push("called"));
    queue.push(numbered(2));
    assert.deepEqual([log.length, queue.length], [0, 3]);
    await soon();
    assert.deepEqual(log, ["1@0", "called", "2@0", "3@1", "pumped"]);
    assert.equal(queue.length, 0);
  });

  it("reads the clocks once for eight inputs", async () => {
    const { queue, log } = queueThat(() => {});
    for (let ms = 0; ms < 17; ms++) queue.push(numbered(ms));
    await soon();
    assert.deepEqual([log[7], log[8], log[15], log[16]], ["7@0", "8@1", "15@1", "16@2"]);
  });

  it("drops what was to be taken with something that threw, and goes on", async () => {
    const { queue, log } = queueThat((ms) => {
      if (ms === 1) throw new Error("badly");
    });
    queue.push(numbered(1));
    queue.push(numbered(2));
    await soon();
    queue.push(numbered(3));
    await soon();
    assert.deepEqual(log, ["1@0", "broke Error: badly", "pumped", "3@1", "pumped"]);
  });

  it("takes nothing that was dropped, and nothing once it is closed", async () => {
    const { queue, log } = queueThat(() => {});
    queue.push(numbered(1));
    queue.drop();
    queue.push(numbered(2));
    await soon();
    queue.push(numbered(3));
    queue.close();
    await soon();
    assert.deepEqual(log, ["2@0", "pumped"]);
  });

  it("lets the event loop in though there is always more", async () => {
    const { promise: isLetIn, resolve } = Promise.withResolvers<void>();
    const { queue, log } = queueThat((ms, queue) => queue.push(numbered(ms + 1)));
    setTimeout(resolve, 0);
    queue.push(numbered(0));
    await isLetIn;
    queue.close();
    assert.ok(log.includes("pumped"));
  });
});
