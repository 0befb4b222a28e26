import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OptionProblem } from "../../core/options_check.ts";
import { openDiscovery } from "../../discovery/open_discovery.ts";
import type { DiscoveryProvider } from "../../discovery/provider.ts";
import { staticDiscovery } from "../../discovery/static.ts";
import { discoveryContract, SELVES } from "../contract/discovery.ts";
import { quietLog } from "../fixtures/quiet_log.ts";

const [self = ""] = SELVES;

discoveryContract("a static list", () => ({
  provider: () => staticDiscovery({ addresses: ["node-2.bank.internal:3320", self, "[fd00::7]:3320"] }),
  finds: ["node-2.bank.internal:3320", self, "[fd00::7]:3320"],
  dispose: () => {},
}));

describe("staticDiscovery()", () => {
  it("gives each address once, whatever its spelling, and its own as the node spells it", async () => {
    const addresses = ["Node-1:3320", "node-2:3320", "NODE-2.:3320", "node-1.:3320", "[fd00:0::7]:1", "[FD00::7]:1"];
    assert.deepEqual(await found(addresses, "node-1:3320"), ["[fd00:0::7]:1", "node-1:3320", "node-2:3320"]);
  });

  it("keeps the list as it was when it was declared", async () => {
    const addresses = ["a:1", "b:1"];
    const provider = staticDiscovery({ addresses });
    addresses.push("c:1");
    const discovery = await openDiscovery(provider, contextOf("a:1"));
    assert.deepEqual(await discovery.find({ timeoutMs: 1_000 }), ["a:1", "b:1"]);
  });

  it("names each entry that is no address, by its place", () => {
    const addresses = ["a:1", "a", "a:0", "a:65536", "fd00::7:1", "http://a:1", "", 7, "a:1\n"];
    const problems = problemsOf({ addresses });
    assert.deepEqual(problems.map(({ name }) => name), [1, 2, 3, 4, 5, 6, 7, 8].map(nameOf));
    assert.deepEqual(problems[0], {
      name: "staticDiscovery.addresses[1]",
      value: '"a"',
      allowed: "host:port, such as 10.0.0.7:3320, node-1.bank.internal:3320 or [fd00::7]:3320",
    });
  });

  it("names options that are none, and a list that is none", () => {
    for (const options of [undefined, null, 1, "a:1", ["a:1"], {}, { addresses: [] }, { addresses: "a:1" }]) {
      assert.ok(problemsOf(options).length > 0, JSON.stringify(options));
    }
    const many = Array.from({ length: 2_049 }, (_, index) => `n${index}:1`);
    assert.equal(problemsOf({ addresses: many }).length, 1);
    assert.equal(problemsOf({ addresses: many.slice(1) }).length, 0);
    assert.equal(problemsOf({ addresses: ["a:1"], adresses: [] })[0]?.allowed, "staticDiscovery.addresses");
  });

  it("is not opened with options that are wrong", async () => {
    const opened = openDiscovery(staticDiscovery({ addresses: ["nowhere"] }), contextOf("a:1"));
    await assert.rejects(opened, { code: "invalid-options" });
  });
});

function contextOf(self: string) {
  return { system: "bank", self, log: quietLog, wait: { timeoutMs: 1_000 } };
}

async function found(addresses: readonly string[], self: string): Promise<readonly string[]> {
  const discovery = await openDiscovery(staticDiscovery({ addresses }), contextOf(self));
  return await discovery.find({ timeoutMs: 1_000 });
}

/** Plain JavaScript may give anything. */
function problemsOf(options: unknown): readonly OptionProblem[] {
  const provider: DiscoveryProvider = Reflect.apply(staticDiscovery, undefined, [options]);
  return provider.check?.problems ?? [];
}

function nameOf(index: number): string {
  return `staticDiscovery.addresses[${index}]`;
}
