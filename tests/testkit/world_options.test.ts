import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError, kind } from "../../mod.ts";
import { always, eventually, simulate, type SimulateOptions, toFaults } from "../../testkit/simulate.ts";

const Pen = kind("pen", { store: true, handlers: { take: (): number => 1 } });
const OtherPen = kind("pen", { handlers: { take: (): number => 2 } });
const Stranger = kind("stranger", { handlers: { come: (): number => 3 } });
// As in a program without types.
const misspelt = Reflect.apply(kind, undefined, ["misspelt", { handler: { take: () => 1 } }]);

const GOOD = { nodes: 3, seed: 1, kinds: [Pen] };
const crash = { kind: "crash", atMs: 100, host: 1, downMs: 50, stays: false };
const clog = { kind: "clog", atMs: 100, from: 0, to: 1, forMs: 50 };
const cut = { kind: "partition", atMs: 100, cut: 3, isOneWay: false, forMs: 50 };

/** What is given beside good options, and the lines of the problems. */
const REFUSED: readonly (readonly [given: Readonly<Record<string, unknown>>, ...problems: string[]])[] = [
  [{ nodes: undefined }, "nodes is not given; allowed: a whole number from 1 to 30"],
  [{ nodes: 0 }, "nodes is 0; allowed: a whole number from 1 to 30"],
  [{ nodes: 31 }, "nodes is 31; allowed: a whole number from 1 to 30"],
  [{ seed: undefined }, "seed is not given; allowed: a whole number from 0 to 9007199254740991"],
  [{ seed: 0.5 }, "seed is 0.5; allowed: a whole number from 0 to 9007199254740991"],
  [{ sed: 1 }, "sed is an unknown option; allowed: seed"],
  [
    { partitions: 3 },
    "partitions is an unknown option; allowed: one of nodes, seed, kinds, faults, store, resources, askTimeoutMs, trace",
  ],
  [{ kinds: undefined }, "kinds is not given; allowed: a list of 1 to 4096 kinds"],
  [{ kinds: [{ name: "pen" }] }, "kinds[0] is an object; allowed: a kind made by kind()"],
  [{ kinds: [Pen, OtherPen] }, 'kinds[1].name is "pen"; allowed: a name no other kind has'],
  [
    { kinds: [misspelt] },
    'kind "misspelt".handler is an unknown option; allowed: kind "misspelt".handlers',
    'kind "misspelt".handlers is not given; allowed: an object of functions',
  ],
  [
    { faults: "agressive" },
    'faults is "agressive"; allowed: "none", "aggressive", an object of what may go wrong, or a list of faults',
  ],
  [{ faults: { crash: true } }, "faults.crash is an unknown option; allowed: faults.crashes"],
  [{ faults: { crashes: "yes" } }, 'faults.crashes is "yes"; allowed: true or false'],
  [{ faults: { everyMs: 0 } }, "faults.everyMs is 0; allowed: a number from 1 to 3600000"],
  [{ faults: [5] }, "faults[0] is 5; allowed: a fault"],
  [
    { faults: [crash, { ...crash, kind: "crsh" }] },
    'faults[1].kind is "crsh"; allowed: "partition" or "crash" or "pause" or "suspend" or "wallStep" or "clog" or "reset" or "lag"',
  ],
  [
    { faults: [{ kind: "crash", at: 100, host: 3, stays: false }] },
    "faults[0].at is an unknown option; allowed: one of kind, atMs, host, downMs, stays",
    "faults[0].atMs is not given; allowed: a number from 0 to 2592000000",
    "faults[0].host is 3; allowed: a whole number from 0 to 2",
    "faults[0].downMs is not given; allowed: a number from 0 to 2592000000",
  ],
  [{ faults: [{ ...clog, to: 0 }] }, "faults[0].to is 0; allowed: another node than `from`"],
  [{ faults: [{ ...cut, cut: 7 }] }, "faults[0].cut is 7; allowed: a whole number from 1 to 6"],
  [
    { nodes: 1, faults: [cut] },
    'faults[0].kind is "partition"; allowed: a fault of one node, because this world has no other',
  ],
  [{ store: { latency: 3 } }, "store.latency is an unknown option; allowed: one of latencyMsMax, failPerMille"],
  [{ store: { failPerMille: 1_001 } }, "store.failPerMille is 1001; allowed: a whole number from 0 to 1000"],
  [{ store: "slow" }, 'store is "slow"; allowed: an object with options'],
  [{ resources: [] }, "resources is an array of 0; allowed: an object: name of a resource → its stand-in"],
  [{ askTimeoutMs: 0 }, "askTimeoutMs is 0; allowed: a number from 1 to 86400000"],
  [{ trace: true }, "trace is true; allowed: a function, or an object with `line` and `frames`"],
  [{ trace: { frames: true } }, "trace.line is not given; allowed: a function"],
  [{ trace: { line: () => {}, frame: true } }, "trace.frame is an unknown option; allowed: trace.frames"],
];

const worldOf = (given: object) => Reflect.apply(simulate, undefined, [given]);

describe("the options of a simulated world", () => {
  for (const [given, ...problems] of REFUSED) {
    it(`are refused for: ${problems.join("; ")}`, () => {
      const error = thrownBy(() => worldOf({ ...GOOD, ...given }));
      assert.deepEqual(error.message.split("\n  ").slice(1), problems);
      assert.equal(error.code, "invalid-options");
      assert.equal(error.fate, "not-delivered");
    });
  }

  it("are refused together, with every problem", () => {
    const error = thrownBy(() => worldOf({ nodes: 99, faults: "agressive", kind: [Pen] }));
    assert.match(error.message, /^Cannot simulate: 5 options have to change\n/);
    const { problems } = error.details as { problems: readonly { readonly name: string }[] };
    assert.deepEqual(problems.map(({ name }) => name), ["kind", "nodes", "seed", "kinds", "faults"]);
    assert.match(thrownBy(() => Reflect.apply(simulate, undefined, [])).message, /options is not given/);
  });

  it("are taken when they are good, whatever of them is left out", async () => {
    const GOOD_ONES: readonly Partial<SimulateOptions>[] = [
      { faults: "aggressive", store: {}, resources: {}, trace: () => {}, askTimeoutMs: 1 },
      { faults: {}, store: { latencyMsMax: undefined, failPerMille: 1_000 }, trace: { line: () => {} } },
      { faults: { crashes: true, network: undefined }, kinds: [Pen, Stranger] },
      { faults: [{ kind: "pause", atMs: 0, host: 2, forMs: 0.5 }], seed: Number.MAX_SAFE_INTEGER },
      { faults: toFaults({ nodes: 3 })([[0], [1], [2], [3, 999, 999, 999, 999]]) },
    ];
    for (const good of GOOD_ONES) await simulate({ ...GOOD, ...good }).run(1);
  });

  it("of drawn faults are checked too", () => {
    const error = thrownBy(() => Reflect.apply(toFaults, undefined, [{ node: 3 }]));
    assert.equal(
      error.message,
      "Cannot draw faults: 2 options have to change\n  node is an unknown option; allowed: nodes\n" +
        "  nodes is not given; allowed: a whole number from 1 to 30",
    );
  });
});

describe("a simulated world refuses", () => {
  const world = simulate({ nodes: 3, seed: 1, kinds: [Pen] });

  const CALLS: readonly (readonly [name: string, call: () => unknown, code: string, message: RegExp])[] = [
    ["a node that isn't there", () => world.node(9), "invalid-options", /index is 9; allowed: .* from 0 to 2/],
    ["to crash one", () => world.crash(-1), "invalid-options", /crash the node: .*\n {2}index is -1/],
    ["to restart one", () => world.restart(1.5), "invalid-options", /index is 1.5/],
    ["to split it off", () => world.split([0, 9]), "invalid-options", /groups\[0\]\[1\] is 9; allowed: .* from 0 to 2/],
    [
      "a node in two groups",
      () => world.split([0, 1], [1]),
      "invalid-options",
      /groups\[1\]\[0\] is 1; allowed: a node/,
    ],
    ["a group that is none", () => Reflect.apply(world.split, world, [1]), "invalid-options", /groups\[0\] is 1/],
    ["a claim that is none", () => Reflect.apply(world.expect, world, ["x"]), "invalid-options", /expectation is "x"/],
    ["no time to come true", () => world.expect(eventually("x", () => true, -1)), "invalid-options", /withinMs is -1/],
    [
      "a claim that isn't looked at",
      () => {
        world.expect(Reflect.apply(always, undefined, ["x", true]));
      },
      "invalid-options",
      /holds is true; allowed: a function/,
    ],
    ["a strange kind", () => world.node(0).grain(Stranger, "a"), "kind-unknown", STRANGER],
    ["a strange kind of actor", () => world.node(0).actor(Stranger, "a"), "kind-unknown", STRANGER],
    ["another kind of that name", () => world.node(0).grain(OtherPen, "a"), "kind-unknown", /^Cannot use kind pen: /],
    ["what is saved of one", () => world.saved(Stranger), "kind-unknown", STRANGER],
  ];
  for (const [name, call, code, message] of CALLS) {
    it(name, () => {
      const error = thrownBy(call);
      assert.equal(error.code, code);
      assert.equal(error.fate, "not-delivered");
      assert.match(error.message, message);
    });
  }

  it("to spawn a strange kind, and a bad name", async () => {
    await assert.rejects(world.node(0).spawn("a", Stranger), { code: "kind-unknown", fate: "not-delivered" });
    await assert.rejects(world.node(0).spawn("a b", Pen), { code: "invalid-name" });
  });

  it("durations that are none, before any time has passed", async () => {
    for (const duration of [-5, NaN, Infinity, "soon", "-5s", "1h", null, undefined]) {
      const refused = { code: "invalid-options", fate: "not-delivered" };
      await assert.rejects(Reflect.apply(world.run, world, [duration]), refused, String(duration));
    }
    await assert.rejects(world.run(-5), /Cannot run the world: .*\n {2}duration is -5; allowed: 0 to 2592000000 milli/);
    await assert.rejects(world.ready(-1), { code: "invalid-options" });
    assert.equal(world.nowMs, 0);
  });
});

const STRANGER = /^Cannot use kind stranger: it is not among the kinds given to simulate$/;

function thrownBy(call: () => unknown): ActorError {
  try {
    call();
  } catch (thrown) {
    if (thrown instanceof ActorError) return thrown;
    throw thrown;
  }
  throw new Error("Nothing was thrown");
}
