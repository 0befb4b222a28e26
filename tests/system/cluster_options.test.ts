/**
 * The options of a clustered node: each with its default, each wrong value refused by its name, all of them together, and
 * what they must be to each other.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TIMINGS } from "../../cluster/settings.ts";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { staticDiscovery } from "../../discovery/static.ts";
import type { CheckedClusterOptions } from "../../system/cluster_options.ts";
import { type CheckedOptions, checkOptions, type SystemOptions } from "../../system/system_options.ts";

const Plain = kind("plain", { handlers: { ping: (): string => "pong" } });
const discovery = staticDiscovery({ addresses: ["node-1:3320", "node-2:3320"] });
const DAY_MS = 86_400_000;
const SECRET = "a secret nobody may read";

describe("options of a cluster", () => {
  it("are filled with defaults", () => {
    const { discovery: found, settings, timings, ...rest } = checked({ discovery, minimumPeersQuorum: 2 });
    assert.equal(found, discovery);
    assert.deepEqual(settings, {
      name: "demo",
      partitionCount: 271,
      replicaCount: 3,
      writeQuorum: 2,
      readQuorum: 1,
      rule: { kind: "dynamic" },
      minimumPeersQuorum: 2,
    });
    assert.deepEqual(timings, TIMINGS);
    assert.deepEqual(rest, {
      roles: [],
      zone: "",
      capacity: 1,
      tableBytes: 64 << 20,
      barrier: { minimumMembers: 2, timeoutMs: 30_000, onTimeout: "proceed" },
      isRelocating: true,
      warnings: [],
    });
  });

  it("say what they were told", () => {
    const { settings, timings, ...rest } = checked({
      discovery,
      minimumPeersQuorum: 3,
      quorum: { seeds: ["b:2", "a:1", "b:2", "[fd00::1]:3"] },
      replicaCount: 5,
      writeQuorum: 4,
      readQuorum: 2,
      roles: ["web", "api", "web"],
      zone: "east",
      capacity: 2.5,
      bootstrapTimeoutMs: 20_000,
      writeTimeoutMs: 50,
      readTimeoutMs: 60,
      stateSyncIntervalMs: 5_000,
      balancerIntervalMs: 200,
      tableSizeBytes: 1 << 20,
      grainActivationBarrier: { timeoutMs: 5, onTimeout: "fail" },
      relocation: false,
    });
    assert.deepEqual(settings, {
      name: "demo",
      partitionCount: 271,
      replicaCount: 5,
      writeQuorum: 4,
      readQuorum: 2,
      rule: { kind: "seeds", seeds: ["[fd00::1]:3", "a:1", "b:2"] },
      minimumPeersQuorum: 3,
    });
    const { bootstrapTimeoutMs, writeTimeoutMs, readTimeoutMs, stateSyncMs, balancerMs } = timings;
    assert.deepEqual([bootstrapTimeoutMs, writeTimeoutMs, readTimeoutMs, stateSyncMs, balancerMs], [
      20_000,
      50,
      60,
      5_000,
      200,
    ]);
    const { roles, zone, capacity, tableBytes, barrier, isRelocating } = rest;
    assert.deepEqual({ roles, zone, capacity, tableBytes, barrier, isRelocating }, {
      roles: ["api", "web"],
      zone: "east",
      capacity: 2.5,
      tableBytes: 1 << 20,
      barrier: { minimumMembers: 3, timeoutMs: 5, onTimeout: "fail" },
      isRelocating: false,
    });
  });

  it("want a majority of the copies written, however many there are", () => {
    const quorums = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((replicaCount) => checked({ replicaCount }).settings.writeQuorum);
    assert.deepEqual(quorums, [1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });

  it("of the profile fast keep what the defaults keep: promises outlast leases, and work ends before they do", () => {
    const { timings } = checked({ profile: "fast" });
    assert.deepEqual(checked({ profile: "default" }).timings, TIMINGS);
    for (const each of [TIMINGS, timings]) {
      const { leaseMs, promiseMs, softAfterMs, renewMs, softRenewMs, probeMs, probeTimeoutMs, tickMs } = each;
      assert.ok(promiseMs >= leaseMs * 1.05, "who promises outlasts who holds, by clocks that differ by 5 %");
      assert.ok(softAfterMs < leaseMs && renewMs < softAfterMs && softRenewMs < leaseMs - softAfterMs);
      assert.ok(probeTimeoutMs < probeMs && tickMs < softRenewMs + 1);
    }
    assert.deepEqual([timings.leaseMs, timings.promiseMs, timings.softAfterMs], [2_000, 2_100, 1_200]);
    assert.equal(checked({ profile: "fast", writeTimeoutMs: 77 }).timings.writeTimeoutMs, 77);
  });

  it("let a barrier of 0 ms wait as long as it takes", () => {
    assert.deepEqual(checked({ grainActivationBarrier: { timeoutMs: 0 } }).barrier, {
      minimumMembers: 2,
      timeoutMs: DAY_MS,
      onTimeout: "proceed",
    });
  });

  describe("refuse", () => {
    const numbers: readonly (readonly [name: string, min: number, max: number, isWhole: boolean])[] = [
      ["minimumPeersQuorum", 1, 4_096, true],
      ["replicaCount", 1, 9, true],
      ["capacity", 0.001, 1_000, false],
      ["bootstrapTimeoutMs", 1_000, DAY_MS, false],
      ["writeTimeoutMs", 10, 60_000, false],
      ["readTimeoutMs", 10, 60_000, false],
      ["stateSyncIntervalMs", 100, DAY_MS, false],
      ["balancerIntervalMs", 100, DAY_MS, false],
      ["tableSizeBytes", 1 << 20, 2 ** 36, true],
    ];
    for (const [name, min, max, isWhole] of numbers) {
      it(`a ${name} that is no ${isWhole ? "whole " : ""}number from ${min} to ${max}`, () => {
        const wrong = [NaN, Infinity, -Infinity, "5", null, {}, true, min - 1e-9, max + 1e-3, -1];
        if (isWhole) wrong.push(min + 0.5);
        for (const value of wrong) refusedFor(`cluster.${name}`, { [name]: value });
        // The two intervals must also fit to each other.
        const fitting = { stateSyncIntervalMs: [101, max], balancerIntervalMs: [min, 79_999] };
        for (const value of Object.entries(fitting).find(([at]) => at === name)?.[1] ?? [min, max]) {
          const found = problemsOf({ cluster: { discovery, minimumPeersQuorum: 2, ...generous, [name]: value } });
          assert.deepEqual(found, [], `${value} is allowed`);
        }
      });
    }

    const values: readonly (readonly [name: string, value: unknown, allowed: RegExp])[] = [
      ["discovery", undefined, /a provider, such as staticDiscovery/],
      ["discovery", {}, /a provider/],
      ["discovery", { kind: "mine" }, /a provider/],
      ["minimumPeersQuorum", undefined, /a whole number from 1/],
      ["quorum", "majority", /"dynamic", "oldest", or \{ seeds/],
      ["quorum", null, /"dynamic"/],
      ["quorum", {}, /"dynamic"/],
      ["quorum", { seeds: [] }, /1 to 15/],
      ["quorum", { seeds: Array.from({ length: 16 }, (_, index) => `a:${index + 1}`) }, /1 to 15/],
      ["quorum", { seeds: ["a"] }, /host:port/],
      ["quorum", { seeds: ["a:70000"] }, /host:port/],
      ["quorum", { seeds: ["a:0"] }, /host:port/],
      ["quorum", { seeds: ["a b:1"] }, /host:port/],
      ["quorum", { seeds: [5] }, /host:port/],
      ["writeQuorum", 1, /a whole number from 2 to 3/],
      ["writeQuorum", 4, /a whole number from 2 to 3/],
      ["readQuorum", 0, /a whole number from 1 to 3/],
      ["readQuorum", 4, /a whole number from 1 to 3/],
      ["roles", "web", /a list of names/],
      ["roles", ["über"], /letters, digits/],
      ["roles", [5], /letters, digits/],
      ["zone", 5, /letters, digits/],
      ["zone", "a b", /letters, digits/],
      ["grainActivationBarrier", 5, /an object with timeoutMs/],
      ["grainActivationBarrier", null, /an object with timeoutMs/],
      ["profile", "slow", /"default" or "fast"/],
      ["relocation", "lazy", /true or false/],
    ];
    for (const [name, value, allowed] of values) {
      it(`${name} ${JSON.stringify(value)}`, () => {
        const [problem] = refusedFor(`cluster.${name}`, { [name]: value });
        assert.match(problem ?? "", allowed);
      });
    }

    it("a barrier with problems of its own, by their names", () => {
      assert.deepEqual(namesOf({ cluster: clustered({ grainActivationBarrier: {} }) }), [
        "cluster.grainActivationBarrier.timeoutMs",
      ]);
      const wrong = { timeoutMs: -1, onTimeout: "wait", onTimeOut: "fail" };
      assert.deepEqual(namesOf({ cluster: clustered({ grainActivationBarrier: wrong }) }), [
        "cluster.grainActivationBarrier.onTimeOut",
        "cluster.grainActivationBarrier.timeoutMs",
        "cluster.grainActivationBarrier.onTimeout",
      ]);
    });

    it("a provider whose own options have problems, with those", () => {
      const wrong = staticDiscovery({ addresses: ["nowhere"] });
      assert.deepEqual(namesOf({ cluster: clustered({ discovery: wrong }) }), ["staticDiscovery.addresses[0]"]);
    });

    it("an option nobody knows, with the nearest that somebody does", () => {
      assert.deepEqual(problemsOf({ cluster: clustered({ writeQuorom: 2 }) }), [
        ["cluster.writeQuorom", "an unknown option", "cluster.writeQuorum"],
      ]);
    });

    it("what is no object of options", () => {
      for (const cluster of [null, 5, "static", true]) {
        assert.deepEqual(namesOf({ cluster }), ["cluster"]);
      }
      assert.ok(namesOf({ cluster: [] }).includes("cluster"));
    });

    it("everything that is wrong at once", () => {
      const names = namesOf({
        listen: { host: "", port: -1, advertise: { host: "0.0.0.0" } },
        cluster: {
          discovery: "static",
          minimumPeersQuorum: 0,
          quorum: "all",
          replicaCount: 10,
          readQuorum: 11,
          roles: ["a b"],
          zone: "a b",
          capacity: 0,
          bootstrapTimeoutMs: 0,
          writeTimeoutMs: 0,
          readTimeoutMs: 0,
          stateSyncIntervalMs: 0,
          balancerIntervalMs: 0,
          tableSizeBytes: 0,
          grainActivationBarrier: 0,
          profile: "",
          relocation: 0,
          flavour: 1,
        },
      });
      const expected = [
        "listen.host",
        "listen.port",
        "listen.advertise.host",
        "cluster.flavour",
        "cluster.discovery",
        "cluster.minimumPeersQuorum",
        "cluster.quorum",
        "cluster.replicaCount",
        "cluster.roles",
        "cluster.zone",
        "cluster.capacity",
        "cluster.bootstrapTimeoutMs",
        "cluster.writeTimeoutMs",
        "cluster.readTimeoutMs",
        "cluster.stateSyncIntervalMs",
        "cluster.balancerIntervalMs",
        "cluster.tableSizeBytes",
        "cluster.grainActivationBarrier",
        "cluster.profile",
        "cluster.relocation",
      ];
      assert.deepEqual(expected.filter((name) => !names.includes(name)), []);
    });

    it("each wrong value in words that make sense: never a bound that is no number", () => {
      for (const replicaCount of ["3", NaN, null, 2.5, 100]) {
        const found = problemsOf({ cluster: clustered({ replicaCount, writeQuorum: 2, readQuorum: 2 }) });
        assert.deepEqual(found.map(([name]) => name), ["cluster.replicaCount"], String(replicaCount));
        assert.doesNotMatch(found[0]?.[2] ?? "", /NaN/);
      }
    });
  });

  describe("must fit together:", () => {
    it("copies are compared less often than a write may take", () => {
      assert.deepEqual(problemsOf({ cluster: clustered({ stateSyncIntervalMs: 2_000, writeTimeoutMs: 2_000 }) }), [
        ["cluster.stateSyncIntervalMs", "2000", "more than writeTimeoutMs, which is 2000"],
      ]);
      assert.deepEqual(problemsOf({ cluster: clustered({ stateSyncIntervalMs: 2_001, writeTimeoutMs: 2_000 }) }), []);
    });

    it("the balancer looks more often than copies are compared", () => {
      assert.deepEqual(problemsOf({ cluster: clustered({ stateSyncIntervalMs: 3_000, balancerIntervalMs: 3_000 }) }), [
        ["cluster.balancerIntervalMs", "3000", "less than stateSyncIntervalMs, which is 3000"],
      ]);
      assert.deepEqual(problemsOf({ cluster: clustered({ stateSyncIntervalMs: 1_001 }) }), []);
      assert.deepEqual(namesOf({ cluster: clustered({ stateSyncIntervalMs: 500, writeTimeoutMs: 100 }) }), [
        "cluster.balancerIntervalMs",
      ]);
    });

    it("a quorum of writes is a majority of the copies, and at most all", () => {
      for (const [replicaCount, writeQuorum, isGood] of QUORUMS) {
        const names = namesOf({ cluster: clustered({ replicaCount, writeQuorum }) });
        assert.deepEqual(names, isGood ? [] : ["cluster.writeQuorum"], `${writeQuorum} of ${replicaCount}`);
      }
    });
  });

  describe("warn of what is allowed and should be known:", () => {
    const warnings: readonly (readonly [what: string, options: object, partitionCount: number, warning: RegExp])[] = [
      ["partitions that are no prime", {}, 256, /^partitionCount 256 is no prime/],
      ["one partition", {}, 1, /^partitionCount 1 is no prime/],
      ["a single copy", { replicaCount: 1 }, 271, /^replicaCount 1: /],
      ["a larger quorum than there are seeds", { quorum: { seeds: ["a:1"] } }, 271, /^minimumPeersQuorum 2 is more/],
      ["founding alone", { minimumPeersQuorum: 1 }, 271, /^minimumPeersQuorum 1: nodes that start without/],
    ];
    for (const [what, options, partitionCount, warning] of warnings) {
      it(what, () => {
        const { cluster } = checkedAll({ partitionCount, cluster: clustered(options) });
        assert.equal(cluster?.warnings.length, 1);
        assert.match(cluster?.warnings[0] ?? "", warning);
      });
    }

    it("nothing else", () => {
      for (const partitionCount of [2, 3, 271, 65_521]) {
        assert.deepEqual(checkedAll({ partitionCount, cluster: clustered({}) }).cluster?.warnings, []);
      }
      for (const quorum of ["oldest", { seeds: ["a:1", "b:1", "c:1"] }]) {
        assert.deepEqual(checked({ quorum }).warnings, []);
      }
      assert.deepEqual(checked({ quorum: "oldest", minimumPeersQuorum: 1 }).warnings, []);
    });
  });
});

describe("options of a listener", () => {
  const good: readonly (readonly [what: string, listen: object | undefined])[] = [
    ["none at all", undefined],
    ["an empty object", {}],
    ["a free port of this machine", { host: "127.0.0.1", port: 0 }],
    ["localhost", { host: "localhost", port: 3_320 }],
    ["IPv6", { host: "::1" }],
    ["an address of its own for others", { host: "127.0.0.1", advertise: { host: "localhost", port: 443 } }],
    ["origins of browsers", { allowedOrigins: ["https://example.org"] }],
  ];
  for (const [what, listen] of good) {
    it(`may be ${what}`, () => assert.deepEqual(problemsOf({ listen, cluster: clustered({}) }), []));
  }

  it("are an empty object when only a cluster is asked for: a free port of this machine", () => {
    assert.deepEqual(checkedAll({ cluster: clustered({}) }).listen, {});
    assert.equal(checkedAll({}).listen, undefined);
  });

  const wrong: readonly (readonly [listen: unknown, name: string])[] = [
    [5, "listen"],
    [null, "listen"],
    [{ host: 5 }, "listen.host"],
    [{ host: "a b" }, "listen.host"],
    [{ host: "" }, "listen.host"],
    [{ port: -1 }, "listen.port"],
    [{ port: 65_536 }, "listen.port"],
    [{ port: "80" }, "listen.port"],
    [{ prot: 80 }, "listen.prot"],
    [{ advertise: "node-1" }, "listen.advertise"],
    [{ advertise: {} }, "listen.advertise.host"],
    [{ advertise: null }, "listen.advertise"],
    [{ advertise: { host: "localhost", port: 0 } }, "listen.advertise.port"],
    [{ advertise: { host: "localhost", prot: 80 } }, "listen.advertise.prot"],
    [{ allowedOrigins: "https://example.org" }, "listen.allowedOrigins"],
    [{ allowedOrigins: [5] }, "listen.allowedOrigins"],
  ];
  for (const [listen, name] of wrong) {
    it(`are refused as ${JSON.stringify(listen)}: ${name}`, () => {
      assert.deepEqual(namesOf({ listen, cluster: clustered({}), security: guarded }), [name]);
    });
  }

  for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]) {
    it(`never tell others to dial ${host}, which is every address`, () => {
      const cluster = clustered({});
      assert.deepEqual(namesOf({ listen: { host }, cluster, security: guarded }), ["listen.advertise"]);
      assert.deepEqual(namesOf({ listen: { advertise: { host } }, cluster, security: guarded }), [
        "listen.advertise.host",
      ]);
      assert.deepEqual(namesOf({ listen: { host, advertise: { host: "node-1" } }, cluster, security: guarded }), []);
    });
  }

  it("need a secret or certificates as soon as others can reach the node", () => {
    const cluster = clustered({});
    assert.deepEqual(namesOf({ listen: { host: "10.0.0.7" }, cluster }), ["security"]);
    assert.deepEqual(namesOf({ listen: { advertise: { host: "node-1" } }, cluster }), ["security"]);
    assert.deepEqual(namesOf({ listen: { host: "10.0.0.7" }, cluster, security: guarded }), []);
    assert.deepEqual(namesOf({ listen: { host: "10.0.0.7" }, cluster, security: { secrets: [] } }), [
      "security.secrets",
      "security",
    ]);
    assert.deepEqual(namesOf({ listen: { host: "127.0.0.1" }, cluster }), []);
  });

  it("say what is missing, and why it must be there", () => {
    const cluster = { discovery, minimumPeersQuorum: 2 };
    const why = "other machines can reach this node at 0.0.0.0 and node-1, and without either any of them could join";
    const needed = `an object with secrets, or with tls and its requireClientCertificate: ${why}`;
    const listen = { host: "0.0.0.0", advertise: { host: "node-1" } };
    const cases: readonly (readonly [options: object, name: string, value: string, allowed: string])[] = [
      [{ listen, cluster }, "security", "not given", needed],
      [{ listen, cluster, security: {} }, "security", "not given", needed],
      [
        { cluster, security: { secrets: [{ id: "k1", value: "too short" }] } },
        "security.secrets.0.value",
        "a secret that is too short",
        "16 to 1024 characters",
      ],
      [
        { cluster: { discovery } },
        "cluster.minimumPeersQuorum",
        "not given",
        "a whole number from 1 to 4096: more than half of the nodes there will be, and 1 only for a node that may be alone",
      ],
    ];
    for (const [options, ...problem] of cases) assert.deepEqual(problemsOf(options), [problem]);
  });

  it("show no secret, whatever is wrong with it", () => {
    const short = "hunter2hunter2";
    const wrong: readonly object[] = [
      { secrets: [{ id: "k1", value: short }] },
      { secrets: [{ id: "k 1", value: SECRET }] },
      { secrets: [{ id: "k1", value: SECRET }, { id: "k1", value: SECRET }] },
      { secrets: [{ id: "k1", value: SECRET, extra: 1 }] },
      { tls: { cert: "x", key: SECRET } },
      { secrets: [{ id: "k1", value: SECRET }], tls: { cert: 5, key: SECRET, ca: "x" } },
    ];
    for (const security of wrong) {
      const error = refusalOf({ ...valid, listen: { host: "10.0.0.7" }, cluster: clustered({}), security });
      const shown = `${error.message} ${JSON.stringify(error.details)} ${error.stack}`;
      for (const hidden of [short, SECRET]) assert.ok(!shown.includes(hidden), shown);
    }
  });
});

/** Every other option, such that no single value is refused because of another one. */
const generous = { stateSyncIntervalMs: 80_000, balancerIntervalMs: 100, writeTimeoutMs: 10, replicaCount: 3 };
const guarded = { secrets: [{ id: "k1", value: SECRET }] };
const valid: SystemOptions = { name: "demo", kinds: [Plain], workers: 0 };
const QUORUMS: readonly (readonly [replicas: number, write: number, isGood: boolean])[] = [
  [1, 1, true],
  [1, 2, false],
  [2, 1, false],
  [2, 2, true],
  [3, 1, false],
  [3, 2, true],
  [3, 3, true],
  [4, 2, false],
  [4, 3, true],
  [9, 4, false],
  [9, 5, true],
  [9, 9, true],
  [9, 10, false],
];

/** A cluster's options that are good but for `change`. A program without types can write anything there. */
function clustered(change: object): object {
  return { discovery, minimumPeersQuorum: 2, ...change };
}

function checkedAll(change: object): CheckedOptions {
  return checkOptions({ ...valid, ...change });
}

function checked(change: object): CheckedClusterOptions {
  const { cluster } = checkedAll({ cluster: clustered(change) });
  assert.ok(cluster !== undefined);
  return cluster;
}

/** What is allowed instead, for the one option that must be refused; others may be, because they no longer fit. */
function refusedFor(name: string, change: object): readonly string[] {
  const problems = problemsOf({ cluster: { ...clustered(generous), ...change } });
  const found = problems.filter(([at]) => at === name);
  assert.ok(found.length > 0, `${name} is refused; refused were: ${problems.map(([at]) => at)}`);
  return found.map(([, , allowed]) => allowed);
}

function namesOf(change: object): readonly string[] {
  return problemsOf(change).map(([name]) => name);
}

function problemsOf(change: object): readonly (readonly [name: string, value: string, allowed: string])[] {
  const options = { ...valid, ...change };
  try {
    checkOptions(options);
    return [];
  } catch {
    const { problems } = refusalOf(options).details as {
      readonly problems: readonly { readonly name: string; readonly value: string; readonly allowed: string }[];
    };
    return problems.map(({ name, value, allowed }) => [name, value, allowed] as const);
  }
}

function refusalOf(options: object): ActorError {
  try {
    checkOptions(options as SystemOptions);
  } catch (thrown) {
    assert.ok(thrown instanceof ActorError, String(thrown));
    assert.deepEqual([thrown.code, thrown.fate], ["invalid-options", "not-delivered"]);
    return thrown;
  }
  assert.fail("nothing was refused");
}
