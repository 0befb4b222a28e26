/**
 * The options of `start`: all problems at once, each with its name, its value and what is allowed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError, kind, memoryStore, resource, sqliteStore } from "../../mod.ts";
import { checkOptions, type SystemOptions } from "../../system/system_options.ts";

const Plain = kind("plain", { handlers: { ping: (): string => "pong" } });
const Stored = kind("stored", { store: true, state: () => 0, handlers: { ping: (): string => "pong" } });
const valid: SystemOptions = { name: "demo", kinds: [Plain], workers: 0 };

describe("options of start", () => {
  it("are filled with defaults", () => {
    const checked = checkOptions({ name: "demo", kinds: [Plain], entry: "file:///demo.ts" });
    assert.ok(checked.workers >= 1 && checked.workers <= 64);
    assert.ok(checked.workerHeapMb >= 64);
    assert.equal(checked.entry?.href, "file:///demo.ts");
    const { askTimeoutMs, asksMax, maxMessageBytes, ringBytes, partitionCount, startTimeoutMs, shutdownTimeoutMs } =
      checked;
    assert.deepEqual(
      [askTimeoutMs, asksMax, maxMessageBytes, ringBytes, partitionCount, startTimeoutMs, shutdownTimeoutMs],
      [5_000, 65_536, 16 << 20, 1 << 20, 271, 10_000, 180_000],
    );
  });

  it("are refused with every problem at once, each with its name, its value and what is allowed", () => {
    const problems = problemsOf({
      name: "über/ns",
      kinds: [],
      workers: 65,
      askTimeoutMs: 0,
      asksMax: 1.5,
      maxMessageBytes: 1023,
      ringBytes: 100_000,
      workerHeapMb: 1,
      partitionCount: "271",
      startTimeoutMs: NaN,
      shutdownTimeoutMs: Infinity,
    });
    assert.deepEqual(
      problems.map(([name]) => name).toSorted(),
      [
        "askTimeoutMs",
        "asksMax",
        "entry",
        "kinds",
        "maxMessageBytes",
        "name",
        "partitionCount",
        "ringBytes",
        "shutdownTimeoutMs",
        "startTimeoutMs",
        "workerHeapMb",
        "workers",
      ],
    );
    assert.deepEqual(problems.find(([name]) => name === "workers"), ["workers", "65", "a whole number from 0 to 64"]);
    assert.deepEqual(problems.find(([name]) => name === "partitionCount")?.[1], '"271"');
    for (const [name, value, allowed] of problems) assert.ok(value !== "" && allowed !== "", name);
  });

  it("are refused with a line a problem, for people", () => {
    const error = refusalOf({ ...valid, entry: "file:///demo.ts", workers: -1, asksMax: 0 });
    assert.match(
      error.message,
      /^Cannot start the system: 2 options have to change\n {2}workers is -1; allowed: .*\n {2}asksMax is 0; allowed: /,
    );
  });

  it("that nobody knows are refused with the nearest that somebody does", () => {
    assert.deepEqual(problemsOf({ ...valid, worker: 2, kindz: [], flavour: "mint" }), [
      ["worker", "an unknown option", "workers"],
      ["kindz", "an unknown option", "kinds"],
      [
        "flavour",
        "an unknown option",
        "one of name, kinds, entry, workers, store, resources, log, askTimeoutMs, asksMax, maxMessageBytes, ringBytes, workerHeapMb, partitionCount, startTimeoutMs, shutdownTimeoutMs, listen, security, cluster, signal",
      ],
    ]);
  });

  it("that are no options at all are refused too", () => {
    for (const options of [undefined, null, 5, "demo", [], () => {}]) assert.ok(problemsOf(options).length > 0);
  });

  it("refuse kinds that are none, that occur twice, and whose own declaration has problems", () => {
    const twin = kind("plain", { handlers: {} });
    // A program without types can write anything here.
    const wrong = kind("wrong kind", JSON.parse('{ "handlers": {}, "mailbox": 0, "stach": 5, "reentrant": ["gone"] }'));
    assert.deepEqual(problemsOf({ ...valid, kinds: [Plain, twin, { name: "fake" }, wrong, undefined] }), [
      ["kinds[1].name", '"plain"', "a name no other kind has"],
      ["kinds[2]", "an object", "a kind made by kind()"],
      ['kind "wrong kind".name', '"wrong kind"', "letters, digits, `-`, `_`, `.`; at most 255"],
      ['kind "wrong kind".stach', "an unknown option", 'kind "wrong kind".stash'],
      ['kind "wrong kind".reentrant', '"gone"', "the name of a handler"],
      ['kind "wrong kind".mailbox', "0", "a whole number from 1 to 1048576"],
      ["kinds[4]", "not given", "a kind made by kind()"],
    ]);
  });

  it("need an entry unless everything runs on the main thread", () => {
    assert.deepEqual(problemsOf({ ...valid, workers: 1 }).map(([name]) => name), ["entry"]);
    assert.deepEqual(problemsOf({ ...valid, workers: 1, entry: "./demo.ts" }).map(([name]) => name), ["entry"]);
    assert.deepEqual(problemsOf({ ...valid, workers: 1, entry: 5 }).map(([name]) => name), ["entry"]);
    assert.deepEqual(problemsOf({ ...valid, workers: 1, entry: new URL("file:///demo.ts") }), []);
    assert.deepEqual(problemsOf(valid), []);
  });

  it("need a store for stored kinds, one that all workers share", () => {
    const stored = { ...valid, kinds: [Stored] };
    assert.deepEqual(problemsOf(stored), [["store", "not given", "a store, because these kinds are stored: stored"]]);
    assert.deepEqual(problemsOf({ ...stored, store: memoryStore() }), []);
    const withWorkers = { ...stored, workers: 2, entry: "file:///demo.ts" };
    assert.deepEqual(problemsOf({ ...withWorkers, store: memoryStore() }), [
      ["store", '"memory"', "a store that all workers share, or `workers: 0`"],
    ]);
    assert.deepEqual(problemsOf({ ...withWorkers, store: sqliteStore({ path: "demo.db" }) }), []);
    assert.equal(problemsOf({ ...stored, store: sqliteStore({ path: "" }) }).length, 1);
    const mistyped = sqliteStore(JSON.parse('{ "file": "demo.db" }'));
    assert.deepEqual(problemsOf({ ...stored, store: mistyped }), [
      [
        "sqliteStore.file",
        "an unknown option",
        "one of path, synchronous, timeoutMs, waitingOperationsMax, waitingBytesMax",
      ],
      ["sqliteStore.path", "not given", "the path of a file"],
    ]);
    const own = { ...memoryStore(), kind: "own", problems: () => ["it has no bucket"] };
    assert.deepEqual(problemsOf({ ...stored, store: own }), [["store", '"own"', "it has no bucket"]]);
    for (const store of [null, {}, "sqlite", { kind: "half", open: () => {} }]) {
      assert.deepEqual(problemsOf({ ...valid, store }).map(([name]) => name), ["store"]);
    }
  });

  it("refuse resources that are none, or have a bad name or one that is taken", () => {
    const made = (name: string) => resource<number>(name).provide(() => 1);
    assert.deepEqual(problemsOf({ ...valid, resources: [made("a"), made("a"), made("ä")] }), [
      ["resources[1].name", '"a"', "a name no other resource has"],
      ["resources[2].name", '"ä"', "a name like that of a kind"],
    ]);
    for (const resources of [null, 5, { a: made("a") }, [null], [{ name: "a" }], [resource("a")]]) {
      assert.equal(problemsOf({ ...valid, resources }).length, 1);
    }
  });

  it("refuse a log that cannot be written to", () => {
    const [debug, info, warn] = [() => {}, () => {}, () => {}];
    for (const log of [null, console.log, {}, { debug, info, warn }]) {
      assert.deepEqual(problemsOf({ ...valid, log }).map(([name]) => name), ["log"]);
    }
    assert.deepEqual(problemsOf({ ...valid, log: console }), []);
  });
});

function refusalOf(options: unknown): ActorError {
  try {
    checkOptions(options as SystemOptions);
  } catch (thrown) {
    assert.ok(thrown instanceof ActorError, String(thrown));
    assert.deepEqual([thrown.code, thrown.fate], ["invalid-options", "not-delivered"]);
    return thrown;
  }
  assert.fail("nothing was refused");
}

function problemsOf(options: unknown): readonly (readonly [name: string, value: string, allowed: string])[] {
  try {
    checkOptions(options as SystemOptions);
    return [];
  } catch {
    const { problems } = refusalOf(options).details as {
      readonly problems: readonly { readonly name: string; readonly value: string; readonly allowed: string }[];
    };
    return problems.map(({ name, value, allowed }) => [name, value, allowed] as const);
  }
}
