/**
 * Small promises of a clustered system, looked at in nodes of this process: what those hear who send, look for, watch or
 * are stopped. Each was broken once, and found by somebody who used it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ActorSystem, kind, type Log } from "../../mod.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { startNodes } from "../fixtures/cluster_nodes.ts";
import { eventually, failureOf, settles, thrownBy } from "../fixtures/conditions.ts";

/** What actors heard at their end, over all nodes. */
const ends: string[] = [];

const Bound = kind("bound", {
  relocation: "none",
  handlers: { take(_ctx, _first: unknown, _second?: unknown): void {} },
  onStop(ctx, reason) {
    ends.push(`${ctx.key} ${reason}`);
  },
});

/** A log of a user that has a fault of its own. */
const broken: Log = { debug: fail, info: fail, warn: fail, error: fail };

function fail(): never {
  throw new Error("the log is full");
}

describe("a clustered system", () => {
  let nodes: readonly ActorSystem[] = [];
  let first: ActorSystem;
  let second: ActorSystem;

  before(async () => {
    nodes = await startNodes({ kinds: [Bound], ports: await freePorts(2), workers: 0, log: broken });
    const [one, other] = nodes;
    assert.ok(one !== undefined && other !== undefined);
    [first, second] = [one, other];
  });

  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it("goes on under one identity though its log throws", async () => {
    const ids = () => first.members().map(({ id }) => id).toSorted();
    const known = ids();
    first.spawn("it's no name", Bound).catch(() => {});
    await failureOf(second.spawnOn("elsewhere", Bound, { role: "nobody" }));
    assert.deepEqual(ids(), known);
    assert.equal(known.length, 2);
  });

  it("says which argument of which message cannot travel", async () => {
    await first.spawn("picky", Bound);
    const ref = second.actor(Bound, "picky");
    const refused = thrownBy(() => ref.tell.take("fine", { deep: [() => {}] }));
    assert.equal(refused.message, "Cannot encode [1].deep[0] of picky.take: a function cannot travel");
    assert.deepEqual(refused.details, { path: "[1].deep[0]", reason: "a function" });
    const asked = await failureOf(ref.ask.take(() => {}));
    assert.deepEqual([asked.code, asked.details["path"]], ["value-cannot-travel", "[0]"]);
  });

  it("names kind and handler of a dead letter", async () => {
    await using letters = second.deadLetters();
    second.actor(Bound, "nobody").tell.take(1);
    const letter = await settles("a dead letter", letters[Symbol.asyncIterator]().next());
    assert.ok(letter.done !== true);
    const { to: { kind: name, key }, handler, reason } = letter.value;
    assert.deepEqual([name, key, handler, reason], ["bound", "nobody", "take", "actor-not-found"]);
  });

  it("lets who looks for an actor give up", async () => {
    const failure = await failureOf(second.actorOf("picky", Bound, { signal: AbortSignal.abort() }));
    assert.deepEqual([failure.code, failure.fate], ["ask-aborted", "not-delivered"]);
  });

  it("tells actors that stop with their node that the system stops, whoever else is up", async () => {
    await second.spawn("of-second", Bound);
    await first.spawn("of-first", Bound);
    ends.length = 0;
    await second.stop();
    await eventually("the other one is out", () => first.members().length === 1);
    await first.stop();
    const told = ends.filter((line) => line.startsWith("of-"));
    assert.deepEqual(told, ["of-second system-stopping", "of-first system-stopping"]);
  });
});
