/**
 * What outlives the identities of a node, and must not mix them up: an answer that comes late is nobody's.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError } from "../../core/failure.ts";
import { MachineRequests } from "../../system/machine_requests.ts";
import { PeerFinder } from "../../system/peer_finder.ts";
import { StoreGeneration } from "../../system/store_generation.ts";

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Questions that are answered by hand, in the order they were asked. */
class Questions<T> {
  readonly asked: PromiseWithResolvers<T>[] = [];

  readonly ask = (): Promise<T> => {
    const question = Promise.withResolvers<T>();
    this.asked.push(question);
    return question.promise;
  };

  /** Answers, and lets everybody hear it. */
  async answer(index: number, answer: T): Promise<void> {
    this.asked[index]?.resolve(answer);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

describe("the store's generation", () => {
  function rig() {
    const questions = new Questions<number>();
    const known: number[] = [];
    const store = new StoreGeneration({ ask: questions.ask, known: (generation) => known.push(generation), log });
    store.begin();
    return { questions, known, store };
  }

  it("is asked once for a cluster, however many views there are of it", async () => {
    const { questions, known, store } = rig();
    for (let views = 0; views < 3; views++) store.joined("c");
    assert.equal(store.isKnown, false);
    await questions.answer(0, 7);
    store.joined("c");
    assert.deepEqual([known, store.isKnown, questions.asked.length], [[7], true, 1]);
  });

  it("is not known to an identity that did not ask, whatever comes late", async () => {
    const { questions, known, store } = rig();
    store.joined("c");
    store.begin();
    await questions.answer(0, 7);
    assert.deepEqual([known, store.isKnown], [[], false]);
    store.joined("c");
    await questions.answer(1, 8);
    assert.deepEqual([known, store.isKnown], [[8], true]);
  });

  it("is nobody's at the end; what is known stays so", async () => {
    const { questions, known, store } = rig();
    store.joined("c");
    await questions.answer(0, 7);
    store.end();
    assert.equal(store.isKnown, true);
    store.begin();
    store.joined("d");
    store.end();
    await questions.answer(1, 8);
    assert.deepEqual(known, [7]);
  });
});

describe("a look for other nodes", () => {
  it("is told to the identity that looked, or to nobody", async () => {
    const questions = new Questions<readonly string[]>();
    const found: (readonly string[])[] = [];
    const finder = new PeerFinder({
      find: questions.ask,
      found: (addresses) => found.push(addresses),
      isCalm: () => true,
      log,
    });
    finder.begin();
    finder.begin();
    await questions.answer(0, ["old:1"]);
    assert.deepEqual([found, finder.addresses], [[], ["old:1"]], "what was named is shown to people all the same");
    await questions.answer(1, ["new:1"]);
    assert.deepEqual(found, [["new:1"]]);
    finder.end();
  });
});

describe("requests to a machine", () => {
  /** How each request ends that is made in such a state; of the first, the machine knows the answer. */
  for (
    const [what, ends, happen] of [
      ["its identity ends", ["located", "failed"], (requests: MachineRequests) => requests.fenced()],
      ["all is over", ["located", "failed"], (requests: MachineRequests) => requests.close()],
      ["it was asked last", ["located", "located"], (requests: MachineRequests) => {
        requests.done(2, { kind: "located", entry: undefined });
        requests.fenced();
      }],
    ] as const
  ) {
    it(`are answered once: ${what}`, async () => {
      const requests = new MachineRequests();
      const ids: number[] = [];
      const waiting = [1, 2].map(() => requests.request((id) => ids.push(id)));
      requests.done(1, { kind: "located", entry: undefined });
      happen(requests);
      for (const id of ids) requests.done(id, { kind: "stopped" });
      assert.deepEqual((await Promise.all(waiting)).map(({ kind }) => kind), ends);
    });
  }

  it("find nobody after the last identity, and are refused after the end", async () => {
    const requests = new MachineRequests();
    requests.gone();
    await requests.untilGone();
    const asked = () => assert.fail("nobody is there to be asked");
    assert.equal((await requests.request(asked)).kind, "failed");
    requests.close();
    const refused: unknown = await requests.request(asked).catch((thrown) => thrown);
    assert.ok(refused instanceof ActorError && refused.code === "system-stopping");
  });
});
