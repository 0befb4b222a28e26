import { describe, it } from "node:test";
import fc from "fast-check";
import { type Command, FuzzWorld } from "./fuzz_world.ts";

describe("a core that is told anything in any order", () => {
  it("property: from its beginning on it neither throws nor breaks its own rules", () => {
    fc.assert(
      fc.property(fc.nat(1_000), commands(80), (seed, list) => {
        const world = new FuzzWorld(seed);
        for (const command of list) world.do(command);
        world.end();
      }),
      { numRuns: RUNS },
    );
  });

  it("property: nor does it as a member of a cluster that works", () => {
    fc.assert(
      fc.property(fc.nat(1_000), commands(120), (seed, list) => {
        const world = new FuzzWorld(seed);
        world.calm(90);
        for (const command of list) world.do(command);
        world.end();
      }),
      { numRuns: RUNS },
    );
  });
});

const RUNS = 200;

function commands(maxLength: number): fc.Arbitrary<readonly Command[]> {
  const small = fc.nat(1_000);
  const change = fc.option(fc.record({ leaf: small, by: small }), { nil: undefined, freq: 2 });
  const maybe = fc.option(small, { nil: undefined, freq: 1 });
  const never = fc.constant(undefined);
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("calm" as const), ticks: fc.integer({ min: 1, max: 15 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("tick" as const),
        at: small,
        ms: fc.oneof(fc.nat(400), fc.nat(20_000)),
        wallMs: fc.oneof(fc.nat(400), fc.integer({ min: -60_000, max: 60_000 })),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("deliver" as const),
        which: small,
        isKept: fc.boolean(),
        from: fc.oneof({ weight: 4, arbitrary: never }, { weight: 1, arbitrary: maybe }),
        to: fc.oneof({ weight: 4, arbitrary: never }, { weight: 1, arbitrary: maybe }),
        change,
        isDecoded: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("sample" as const),
        which: small,
        from: small,
        to: small,
        isOfCluster: fc.boolean(),
        change,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("request" as const),
        at: small,
        what: small,
        key: small,
        ms: fc.oneof(fc.nat(5_000), fc.constant(0)),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("other" as const), at: small, what: small, value: small }) },
  );
  return fc.array(command, { maxLength, size: "max" });
}
