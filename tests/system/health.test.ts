/**
 * Whether a node works, and whether it should be sent requests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LeaseStatus } from "../../cluster/engine.ts";
import type { Placed, View } from "../../cluster/view.ts";
import { epoch, type NodeId, nodeId } from "../../core/ids.ts";
import { healthOf, LIVE_LAG_MS_MAX, type Vitals } from "../../system/health.ts";
import { founded } from "../cluster/view_values.ts";

const a = nodeId("a");
const b = nodeId("b");
const VIEW = founded("a b c");
const GOOD: NonNullable<Vitals["cluster"]> = {
  id: a,
  view: VIEW,
  lease: "held",
  hasGeneration: true,
  discoveryFailure: undefined,
};

describe("a node's health", () => {
  it("is good where nothing is wrong, in a cluster and alone", () => {
    for (const cluster of [undefined, GOOD, { ...GOOD, lease: "soft" as const }]) {
      assert.deepEqual(healthOf({ state: "running", lagMs: 20, cluster }), {
        isLive: true,
        isReady: true,
        reasons: [],
      });
    }
  });

  const cases:
    readonly (readonly [why: string, vitals: Partial<Vitals>, isLive: boolean, reasons: readonly RegExp[]])[] = [
      ["the system drains", { state: "draining" }, true, [/^the system is draining$/]],
      ["the system has stopped", { state: "stopped" }, false, [/^the system is stopped$/]],
      ["the event loop stands still", { lagMs: LIVE_LAG_MS_MAX + 1 }, false, [/^the event loop was 5001 ms late$/]],
      ["it is in no cluster", { cluster: { ...GOOD, view: undefined, lease: "none" } }, true, [
        /^it is in no cluster yet$/,
      ]],
      [
        "it is in no cluster, for discovery fails",
        { cluster: { ...GOOD, view: undefined, discoveryFailure: "no answer" } },
        true,
        [/^it is in no cluster yet; discovery failed: no answer$/],
      ],
      ["it leaves", { cluster: { ...GOOD, view: leaving(VIEW, a) } }, true, [/^it is leaving$/]],
      [
        "its partitions are being recovered",
        { cluster: { ...GOOD, view: withPartitions(VIEW, [lost(a), lost(a), lost(b), moving(a), kept(a)]) } },
        true,
        [/^2 of its partitions are not active yet$/],
      ],
      [
        "everything is wrong at once",
        { state: "draining", lagMs: 9_000.4, cluster: { ...GOOD, view: leaving(VIEW, a), lease: "frozen" } },
        false,
        [/9000 ms late/, /draining/, /its lease is frozen/, /leaving/],
      ],
    ];
  for (const [why, vitals, isLive, expected] of cases) {
    it(`is told when ${why}`, () => {
      const health = healthOf({ state: "running", lagMs: 0, cluster: GOOD, ...vitals });
      assert.deepEqual([health.isLive, health.isReady, health.reasons.length], [isLive, false, expected.length]);
      for (const [index, reason] of expected.entries()) assert.match(health.reasons[index] ?? "", reason);
    });
  }

  it("is good up to the limit of the lag, which is no limit of readiness", () => {
    assert.equal(healthOf({ state: "running", lagMs: LIVE_LAG_MS_MAX, cluster: undefined }).isReady, true);
  });

  for (const lease of ["none", "frozen", "fenced"] as const satisfies readonly LeaseStatus[]) {
    it(`lets it live but sends it nothing while its lease is ${lease}`, () => {
      const health = healthOf({ state: "running", lagMs: 0, cluster: { ...GOOD, lease } });
      assert.deepEqual(health, {
        isLive: true,
        isReady: false,
        reasons: [
          lease === "fenced"
            ? "it was removed from the cluster, and comes back as another node"
            : `its lease is ${lease}: it does not reach most of the voters`,
        ],
      });
    });
  }

  it("does not mind that others leave, or recover", () => {
    const view = withPartitions(leaving(VIEW, b), [lost(b)]);
    assert.equal(healthOf({ state: "running", lagMs: 0, cluster: { ...GOOD, view } }).isReady, true);
  });

  it("does not mind that discovery fails once it is in", () => {
    assert.equal(
      healthOf({ state: "running", lagMs: 0, cluster: { ...GOOD, discoveryFailure: "no answer" } }).isReady,
      true,
    );
  });
});

function leaving(view: View, id: NodeId): View {
  return { ...view, members: view.members.map((one) => one.id === id ? { ...one, status: "leaving" } : one) };
}

function withPartitions(view: View, partitions: readonly Placed[]): View {
  return { ...view, partitions };
}

function kept(owner: NodeId): Placed {
  return { cfg: epoch(1), group: [owner], next: undefined };
}

function moving(to: NodeId): Placed {
  return { cfg: epoch(1), group: [b], next: { cfg: epoch(2), group: [to], why: "move" } };
}

function lost(to: NodeId): Placed {
  return { cfg: epoch(1), group: [nodeId("gone")], next: { cfg: epoch(2), group: [to], why: "loss" } };
}
