import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ClusterCore, type CoreEffect, coreFrame, type Frame, viewOf } from "../../cluster/cluster_core.ts";
import { nextView } from "../../cluster/next_view.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { epoch, instant, nodeId } from "../../core/ids.ts";
import { SAMPLE_FRAMES } from "./frame_samples.ts";
import { type FuzzedNode, FuzzWorld } from "./fuzz_world.ts";

/** What anybody may say: how nodes without a view, or with an older one, get to know of a cluster. */
const ALWAYS_HEARD: ReadonlySet<string> = new Set([
  "hello",
  "joinRequest",
  "joinRefused",
  "found",
  "founderAccepts",
  "founderRefuses",
  "founderGivesUp",
  "commit",
  "pull",
]);

describe("a core refuses and counts, without an effect,", () => {
  const others = SAMPLE_FRAMES.filter(({ message }) => !ALWAYS_HEARD.has(message.kind));

  it("every message of a node that is not in the cluster", () => {
    const node = member();
    const { core } = node;
    for (const frame of others) assert.deepEqual(told(node, "x", ofCluster(core, frame)), [], frame.message.kind);
    assert.deepEqual(core.refused, { "no-view": 0, "foreign-cluster": 0, stranger: others.length });
  });

  it("every message of a member that was removed, but what shows that it is behind", () => {
    const node = member();
    const { core } = node;
    const before = viewOf(core) ?? assert.fail("a view");
    const draft = { members: before.members.filter(({ id }) => id !== "c"), partitions: before.partitions };
    const view = nextView(before, draft, "without c", () => true, ALL_RULES);
    told(node, "b", {
      ...ofCluster(core, others[0] ?? assert.fail()),
      part: "engine",
      message: { kind: "commit", view },
    });
    assert.equal(viewOf(core), view);
    for (const frame of others) assert.deepEqual(told(node, "c", ofCluster(core, frame)), [], frame.message.kind);
    assert.equal(core.refused.stranger, others.length);
    const [news] = told(node, "c", { ...ofCluster(core, others[0] ?? assert.fail()), epoch: before.epoch });
    assert.ok(news?.kind === "send" && news.frame.part === "engine" && news.frame.message.kind === "commit");
  });

  it("every message of another cluster, views too", () => {
    const node = member();
    const { core } = node;
    const before = viewOf(core);
    const foreign = SAMPLE_FRAMES.filter(({ message }) => !ALWAYS_HEARD.has(message.kind) || message.kind === "commit");
    for (const frame of foreign) assert.deepEqual(told(node, "b", frame), [], frame.message.kind);
    assert.equal(core.refused["foreign-cluster"], foreign.length);
    assert.equal(viewOf(core), before);
  });

  it("a view of another cluster under its own cluster's name", () => {
    const node = member();
    const before = viewOf(node.core) ?? assert.fail("a view");
    const view = { ...before, clusterId: "other", epoch: epoch(before.epoch + 1), draft: "foreign" };
    const frame = ofCluster(node.core, SAMPLE_FRAMES[0] ?? assert.fail());
    told(node, "b", { ...frame, part: "engine", message: { kind: "commit", view } });
    assert.equal(viewOf(node.core), before);
  });

  it("every message, while it has no view, but what may bring it one", () => {
    const node = new FuzzWorld(1).nodes[0] ?? assert.fail("a node");
    for (const frame of others) assert.deepEqual(told(node, "b", frame), [], frame.message.kind);
    assert.deepEqual(node.core.refused, { "no-view": others.length, "foreign-cluster": 0, stranger: 0 });
  });
});

/** A member of a cluster of three that works. */
function member(): FuzzedNode {
  const world = new FuzzWorld(1);
  world.calm(90);
  for (const { core } of world.nodes) assert.equal(core.engine.views.status, "held");
  return world.nodes[0] ?? assert.fail("a node");
}

function ofCluster(core: ClusterCore, frame: Frame): Frame {
  const view = viewOf(core) ?? assert.fail("a view");
  return { ...frame, clusterId: view.clusterId, epoch: view.epoch };
}

function told(node: FuzzedNode, from: string, frame: Frame): readonly CoreEffect[] {
  const out: CoreEffect[] = [];
  coreFrame(node.core, nodeId(from), frame, { mono: instant(node.mono += 1_000), wall: node.wall }, out);
  return out;
}
