/**
 * docs/TROUBLESHOOTING.md and docs/FROM_GOAKT.md name what there is: tests and their claims, codes, options, methods,
 * metrics and events, and the words that Troupe prints.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DEAD_LETTER_REASONS } from "../../core/events.ts";
import { ActorError, FATE_OF_CODE } from "../../core/failure.ts";
import { KIND_PLACEMENTS } from "../../core/kind.ts";
import { ROUTER_STRATEGIES } from "../../core/router_pool.ts";
import { ActorRef, ActorSystem, kind, staticDiscovery } from "../../mod.ts";
import { CLOSE_CODES, UPGRADE_STATUS } from "../../remoting/link_refusal.ts";
import { METRICS } from "../../system/metric_table.ts";
import { checkOptions } from "../../system/system_options.ts";
import { blocksOf, page, ROOT } from "./markdown.ts";
import { lastCells, listIn, namedIn, namesOf, publicText, witnessesOf } from "./troubleshooting.ts";

const TROUBLESHOOTING = page("docs/TROUBLESHOOTING.md");
const FROM_GOAKT = page("docs/FROM_GOAKT.md");

/** Group of options → the keys its checker knows. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  cluster: listIn("system/cluster_options.ts", "const KEYS: readonly (keyof ClusterOptions)[] = ["),
  listen: listIn("system/cluster_options.ts", "const LISTEN_KEYS: readonly (keyof ListenOptions)[] = ["),
  security: listIn("remoting/security.ts", 'check.unknownKeys("security", security, ['),
  start: listIn("system/system_options.ts", "const KEYS: readonly (keyof SystemOptions)[] = ["),
  kind: listIn("core/kind.ts", "const KEYS: readonly (keyof KindSpec<unknown, Handlers<unknown>, unknown>)[] = ["),
};

/** Every kebab-case word that means something: codes of errors and of refused links, reasons, fates, choices. */
const WORDS: ReadonlySet<string> = new Set([
  ...Object.keys(FATE_OF_CODE),
  ...Object.values(FATE_OF_CODE),
  ...Object.keys(CLOSE_CODES),
  ...Object.keys(UPGRADE_STATUS),
  ...DEAD_LETTER_REASONS,
  ...KIND_PLACEMENTS,
  ...ROUTER_STRATEGIES,
]);

/** Refusals that a user can mend, or has to know to be harmless. */
const REFUSALS = [
  "secret-differs",
  "cluster-differs",
  "settings-differ",
  "version-differs",
  "not-loopback",
  "handshake-timeout",
  "too-many-handshakes",
  "origin-refused",
  "self",
  "duplicate",
  "another-node",
  "replaced",
  "closing",
  "no-node",
] satisfies readonly (keyof typeof CLOSE_CODES | keyof typeof UPGRADE_STATUS)[];

/** Words of another's interface. */
const KUBERNETES = "publishNotReadyAddresses";

/** File → fixed parts of what it prints. */
const PRINTED: Readonly<Record<string, readonly string[]>> = {
  "system/not_ready.ts": [
    "Cannot join or found a cluster in ",
    "discovery named ",
    "minimumPeersQuorum asks for ",
    " are here, and more than half must be",
    "failed handshakes: ",
    "it does not reach enough of the voters, which are ",
  ],
  "system/cluster_driver.ts": ["this node was out of the cluster and begins anew"],
  "cluster/bootstrap.ts": ["this node sees no other", "no cluster has let this node in"],
  "remoting/listener.ts": ["Cannot listen at "],
  "remoting/link_counts.ts": ["no link"],
  "remoting/handshake.ts": ["the peer does not know the secret it calls ", "the peer refused", " on one side and "],
  "system/cluster_options.ts": [": nodes that start without seeing each other found clusters of their own"],
  "system/cluster_member.ts": [
    "an actor has the name already,",
    "no node may have it",
    "this node has no lease",
    "the registry did not answer in time",
  ],
  "system/health.ts": [
    "the event loop was ",
    "it is in no cluster yet",
    ": it does not reach most of the voters",
    " of its partitions are not active yet",
    "it is leaving",
  ],
  "system/node_http.ts": ["the system is starting"],
  "system/worker_losses.ts": ["a worker ended and is replaced"],
  "workers/worker_life.ts": [
    "Cannot start worker ",
    "its entry file ended without calling ActorSystem.start; entry is the file which, run by itself, gets that far",
    "; a worker runs its entry file too, with all that stands above ActorSystem.start",
  ],
  "workers/kind_table.ts": [": it is not among the kinds given to start"],
  "workers/abroad.ts": [": there is no such handler"],
};

for (const document of [TROUBLESHOOTING, FROM_GOAKT]) {
  describe(document.path, () => {
    it("names options that their checkers know", () => {
      for (const [group, keys] of Object.entries(OPTIONS)) {
        assert.ok(keys.length > 1, `the keys of ${group} were not found`);
        assert.deepEqual(namesOf(document, group).filter((name) => !keys.includes(name)), [], group);
      }
    });

    it("names what a system, a ref and a context have", () => {
      const { text } = page("core/context.ts");
      assert.deepEqual(namesOf(document, "system").filter((name) => !(name in ActorSystem.prototype)), []);
      assert.deepEqual(namesOf(document, "ref").filter((name) => !(name in ActorRef.prototype)), []);
      assert.deepEqual(namesOf(document, "ctx").filter((name) => !new RegExp(`\\b${name}[(:<]`).test(text)), []);
    });

    it("names codes, reasons and fates that the code has", () => {
      const kebabs = namedIn(document).filter((code) => /^[a-z]+(-[a-z]+)+$/.test(code));
      assert.deepEqual(kebabs.filter((code) => !WORDS.has(code)), []);
    });

    it("names metrics that there are", () => {
      const named = Array.from(document.text.matchAll(/\b(?:troupe|process)_[a-z_]+\b/g), ([name]) => name);
      assert.deepEqual([...new Set(named)].filter((name) => !(name in METRICS)), []);
    });

    it("writes events, and all else in camel case, as the public interface does", () => {
      const seen = `${publicText()} ${KUBERNETES}`;
      const named = namedIn(document).flatMap((code) => code.match(/\b[a-z]+(?:[A-Z][a-z0-9]*)+\b/g) ?? []);
      assert.deepEqual([...new Set(named)].filter((name) => !new RegExp(`\\b${name}\\b`).test(seen)), []);
    });

    it("points to tests that exist and claim what it says", () => {
      const wrong = witnessesOf(document).flatMap(({ path, claims }) => {
        if (!existsSync(join(ROOT, path))) return [`there is no ${path}`];
        const { text } = page(path);
        return claims.filter((claim) => !text.includes(claim)).map((claim) => `${path} does not claim: ${claim}`);
      });
      assert.deepEqual(wrong, []);
    });
  });
}

describe("docs/FROM_GOAKT.md", () => {
  it("shows every row by a test and its claim, or says that there is none", () => {
    const cells = lastCells(FROM_GOAKT, "Shown by");
    assert.ok(cells.length > 100, `${cells.length} rows were found`);
    assert.deepEqual(cells.filter((cell) => cell !== "–" && cell !== "…" && !hasClaims(cell)), []);
  });

  it("answers every option of a cluster", () => {
    const answered = namesOf(FROM_GOAKT, "cluster");
    assert.deepEqual(OPTIONS.cluster?.filter((key) => !answered.includes(key)), []);
  });
});

describe("docs/TROUBLESHOOTING.md", () => {
  it("shows wrong options as they are refused", () => {
    const cluster = {
      discovery: staticDiscovery({ addresses: ["127.0.0.1:7701"] }),
      minimumPeersQuorum: 1,
      minimumPeerQuorum: 2,
      bootstrapTimeout: 10,
    };
    const options = { name: "demo", kinds: [kind("any", { handlers: {} })], workers: 0, cluster };
    const [shown] = blocksOf(TROUBLESHOOTING);
    assert.throws(
      () => checkOptions(options),
      (thrown) => thrown instanceof ActorError && thrown.message === shown?.text,
    );
  });

  it("explains the reasons for which links are refused", () => {
    const explained = new Set(namedIn(TROUBLESHOOTING));
    assert.deepEqual([...REFUSALS, "unreachable"].filter((code) => !explained.has(code)), []);
  });

  for (const [path, parts] of Object.entries(PRINTED)) {
    it(`says what ${path} prints, in its words`, () => {
      const { text } = page(path);
      assert.deepEqual(parts.filter((part) => !text.includes(part)), [], `not in ${path} any more`);
      assert.deepEqual(parts.filter((part) => !TROUBLESHOOTING.text.includes(part)), [], "not in the document");
    });
  }
});

function hasClaims(cell: string): boolean {
  const witnesses = witnessesOf({ path: "", text: cell });
  return witnesses.length > 0 && witnesses.every(({ claims }) => claims.length > 0);
}
