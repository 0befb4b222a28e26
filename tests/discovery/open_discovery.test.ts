import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError } from "../../core/failure.ts";
import { OptionsCheck } from "../../core/options_check.ts";
import type { Log } from "../../core/ports.ts";
import { ADDRESSES_MAX } from "../../discovery/address.ts";
import { checkDiscovery, FINDS_MAX, type OpenDiscovery, openDiscoveryWith } from "../../discovery/open_discovery.ts";
import type { Discovery, DiscoveryProvider, Wait } from "../../discovery/provider.ts";
import { staticDiscovery } from "../../discovery/static.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { settled, StillOutside } from "./still_outside.ts";

const NEVER = new Promise<never>(() => {});

describe("openDiscovery() with a provider that hangs", () => {
  it("open() fails at its deadline, not before, and leaves no timer", async () => {
    const outside = new StillOutside();
    const opening = watched(openWith({ open: () => NEVER }, outside));
    outside.pass(999);
    await settled();
    assert.equal(opening.state, "pending");
    outside.pass(1);
    assert.equal(await failureOf(opening.promise), "Cannot open discovery by mine: there was no answer in 1000 ms");
    assert.equal(outside.timers, 0);
  });

  it("what open() gives too late is closed", async () => {
    const outside = new StillOutside();
    const { promise, resolve } = Promise.withResolvers<Discovery>();
    const opening = openWith({ open: () => promise }, outside);
    outside.pass(1_000);
    await failureOf(opening);
    let closings = 0;
    resolve({ find: () => NEVER, close: () => Promise.resolve(void closings++) });
    await settled();
    assert.equal(closings, 1);
    assert.equal(outside.timers, 0);
  });

  it("find() fails at its deadline, and its signal has aborted by then", async () => {
    const outside = new StillOutside();
    const waits: Wait[] = [];
    const discovery = await opened({ find: (wait) => (waits.push(wait), NEVER) }, outside);
    const finding = discovery.find({ timeoutMs: 250 });
    assert.equal(waits[0]?.signal?.aborted, false);
    outside.pass(250);
    assert.equal(await failureOf(finding), "Cannot find nodes by mine: there was no answer in 250 ms");
    assert.equal(waits[0]?.signal?.aborted, true);
    assert.equal(outside.timers, 0);
  });

  it("FINDS_MAX finds may be unfinished, and one more is refused until one has finished", async () => {
    const outside = new StillOutside();
    const finishing: ((found: readonly string[]) => void)[] = [];
    const find = () => new Promise<readonly string[]>((resolve) => finishing.push(resolve));
    const discovery = await opened({ find }, outside);
    const finds = Array.from({ length: FINDS_MAX }, () => failureOf(discovery.find({ timeoutMs: 10 })));
    outside.pass(10);
    await Promise.all(finds);
    assert.match(await failureOf(discovery.find({ timeoutMs: 10 })), /16 finds are unfinished$/);
    finishing[0]?.([]);
    await settled();
    const next = discovery.find({ timeoutMs: 10 });
    finishing.at(-1)?.(["a:1"]);
    assert.deepEqual(await next, ["a:1"]);
  });

  it("close() is over at its deadline, each call at its own, and says so", async () => {
    const outside = new StillOutside();
    const warnings: string[] = [];
    const log = { ...quietLog, warn: (message: string) => void warnings.push(message) };
    let closings = 0;
    const discovery = await opened({ close: () => (closings++, NEVER) }, outside, log);
    const closes = [watched(discovery.close(5_000)), watched(discovery.close(10))];
    outside.pass(10);
    await settled();
    assert.deepEqual(closes.map(({ state }) => state), ["pending", "resolved"]);
    outside.pass(4_990);
    await settled();
    assert.deepEqual(closes.map(({ state }) => state), ["resolved", "resolved"]);
    assert.equal(closings, 1);
    assert.deepEqual(warnings, Array(2).fill("discovery is let go of without an answer"));
  });

  for (const timeoutMs of [NaN, -1, 0, -Infinity]) {
    it(`a time of ${timeoutMs} is over at once, and Infinity is a day`, async () => {
      const outside = new StillOutside();
      const discovery = await opened({ find: () => NEVER }, outside);
      const [none, long] = [discovery.find({ timeoutMs }), discovery.find({ timeoutMs: Infinity })];
      outside.pass(0);
      assert.match(await failureOf(none), /no answer in 0 ms$/);
      outside.pass(24 * 60 * 60 * 1000);
      assert.match(await failureOf(long), /no answer in 86400000 ms$/);
    });
  }
});

describe("openDiscovery() with a provider that fails", () => {
  const failures: readonly [what: string, run: () => never, reason: RegExp][] = [
    ["an error", () => raise(new Error("no network")), /: no network$/],
    ["an error without a message", () => raise(new TypeError()), /: TypeError$/],
    ["a text", () => raise("no network"), /: no network$/],
    ["nothing", () => raise(undefined), /: undefined$/],
    ["another ActorError", () => raise(new ActorError("store-failed", "no disk")), /: no disk$/],
    ["what can't be printed", () => raise(Object.create(null)), /cannot be printed$/],
  ];
  for (const [what, run, reason] of failures) {
    it(`${what}, thrown at once or later, is discovery-failed with its reason`, async () => {
      const outside = new StillOutside();
      assert.match(await failureOf(openWith({ open: run }, outside)), reason);
      assert.match(await failureOf((await opened({ find: run }, outside)).find({ timeoutMs: 10 })), reason);
      const later = (await opened({ find: () => settled().then(run) }, outside)).find({ timeoutMs: 10 });
      assert.match(await failureOf(later), reason);
      await (await opened({ close: run }, outside)).close(10);
      assert.equal(outside.timers, 0);
    });
  }

  it("a find that fails aborts its signal, so that what else it began ends", async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const find = ({ signal }: Wait) => (signals.push(signal), Promise.reject(new Error("half of it failed")));
    await failureOf((await opened({ find })).find({ timeoutMs: 10 }));
    assert.equal(signals[0]?.aborted, true);
  });

  it("its own discovery-failed stays as it is", async () => {
    const error = new ActorError("discovery-failed", "Cannot find nodes: the list is old");
    const discovery = await opened({ find: () => Promise.reject(error) });
    await assert.rejects(discovery.find({ timeoutMs: 10 }), (thrown) => thrown === error);
  });

  it("a log that throws harms nobody", async () => {
    const throwing = (): never => raise(new Error("the disk is full"));
    const log = { debug: throwing, info: throwing, warn: throwing, error: throwing };
    const discovery = await opened({ find: () => Promise.resolve(["nowhere"]) }, new StillOutside(), log);
    assert.deepEqual(await discovery.find({ timeoutMs: 10 }), []);
    let said = 0;
    await openWith({ open: ({ log }) => (log.error("x"), said++, Promise.reject(new Error())) }, undefined, log)
      .catch(() => {});
    assert.equal(said, 1);
  });

  it("counts() that throws or counts what is no number harms nobody", async () => {
    const throwing = await opened({ counts: () => raise(new Error("no")) });
    assert.deepEqual(throwing.counts(), { finds: 0, failures: 0, malformed: 0 });
    const odd = await opened({ counts: () => ({ late: 2, malformed: 3, finds: 9, odd: NaN }) });
    assert.deepEqual(odd.counts(), { late: 2, finds: 0, failures: 0, malformed: 3 });
  });
});

describe("openDiscovery() with a provider that says anything", () => {
  it("a node whose own address is none is not made known to anybody", async () => {
    for (const self of ["", "node-1", "node-1:0", "fd00::7:3320"]) {
      let opens = 0;
      const provider = { kind: "mine", open: () => (opens++, NEVER) };
      const context = { system: "bank", self, log: quietLog, wait: { timeoutMs: 1_000 } };
      const opening = openDiscoveryWith(provider, context, new StillOutside());
      assert.match(await failureOf(opening), /^Cannot open discovery by mine: this node's own address/);
      assert.equal(opens, 0);
    }
  });

  for (const gives of [undefined, null, {}, "a:1", 7, { 0: "a:1", length: 1 }]) {
    it(`a find that gives ${JSON.stringify(gives)} has failed`, async () => {
      const discovery = await opened({ find: () => Promise.resolve(any(gives)) });
      assert.match(await failureOf(discovery.find({ timeoutMs: 10 })), /gave no list$/);
    });
  }

  for (const gives of [undefined, null, {}, { find: () => NEVER }, { find: 1, close: 2 }]) {
    it(`an open that gives ${JSON.stringify(gives)} has failed`, async () => {
      assert.match(await failureOf(openWith({ open: () => Promise.resolve(any(gives)) })), /find\(\) and close\(\)$/);
    });
  }

  it("entries that are no addresses are left out, counted, and told of once", async () => {
    const warnings: unknown[] = [];
    const log = { ...quietLog, warn: (...said: unknown[]) => void warnings.push(said) };
    const entries = ["b:2", "", "nowhere", null, { toString: () => "c:3" }, "b:2", "a:1", ["d:4"]];
    const discovery = await opened({ find: () => Promise.resolve(any(entries)) }, new StillOutside(), log);
    for (const finds of [1, 2]) {
      assert.deepEqual(await discovery.find({ timeoutMs: 10 }), ["a:1", "b:2"]);
      assert.deepEqual(discovery.counts(), { finds, failures: 0, malformed: finds * 5 });
    }
    const said = ["discovery gave entries that are no addresses", { kind: "mine", malformed: 5 }];
    assert.deepEqual(warnings, [said]);
  });

  it("ADDRESSES_MAX addresses are taken, and one more is refused: a part would be taken for the whole", async () => {
    const many = Array.from({ length: ADDRESSES_MAX + 1 }, (_, index) => `n${index}:1`);
    const lists = [many.slice(1), many];
    const discovery = await opened({ find: () => Promise.resolve(lists.shift() ?? []) });
    assert.equal((await discovery.find({ timeoutMs: 10 })).length, ADDRESSES_MAX);
    assert.match(await failureOf(discovery.find({ timeoutMs: 10 })), /there are 2049 addresses/);
  });
});

describe("checkDiscovery()", () => {
  it("adds a provider's own problems, and one for what is no provider", () => {
    const check = new OptionsCheck();
    checkDiscovery(check, "cluster.discovery", staticDiscovery({ addresses: ["a:1"] }));
    checkDiscovery(check, "cluster.discovery", { kind: "mine", open: () => NEVER });
    assert.deepEqual(check.problems, []);
    checkDiscovery(check, "cluster.discovery", staticDiscovery({ addresses: [] }));
    for (const value of [undefined, null, "nats", {}, { kind: "mine" }, { open: () => NEVER }]) {
      checkDiscovery(check, "cluster.discovery", value);
    }
    assert.deepEqual(check.problems.map(({ name }) => name), [
      "staticDiscovery.addresses",
      ...Array(6).fill("cluster.discovery"),
    ]);
  });
});

function openWith(
  provider: Partial<DiscoveryProvider>,
  outside: StillOutside = new StillOutside(),
  log: Log = quietLog,
): Promise<OpenDiscovery> {
  const context = { system: "bank", self: "self:1", log, wait: { timeoutMs: 1_000 } };
  return openDiscoveryWith({ kind: "mine", open: () => NEVER, ...provider }, context, outside);
}

function opened(discovery: Partial<Discovery>, outside?: StillOutside, log?: Log): Promise<OpenDiscovery> {
  const whole = { find: () => Promise.resolve([]), close: () => Promise.resolve(), ...discovery };
  return openWith({ open: () => Promise.resolve(whole) }, outside, log);
}

/** The message of the `discovery-failed` that `promise` rejects with. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(outcome instanceof ActorError, `an ActorError is expected, and there is ${typeof outcome}`);
  assert.deepEqual([outcome.code, outcome.fate], ["discovery-failed", "not-delivered"]);
  return outcome.message;
}

function watched<T>(promise: Promise<T>): { readonly promise: Promise<T>; state: string } {
  const watch = { promise, state: "pending" };
  promise.then(() => watch.state = "resolved", () => watch.state = "rejected");
  return watch;
}

function raise(thrown: unknown): never {
  throw thrown;
}

/** What a provider in plain JavaScript may give. */
function any<T>(value: unknown): T {
  return value as T;
}
