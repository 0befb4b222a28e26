/**
 * Every order in which the messages of one partition can arrive, or not arrive, around one or two changes of its
 * configuration: what was acknowledged is there afterwards, and no two nodes serve at once.
 *
 * One idea: a state is what all nodes remember and what is on its way, views included, since each node hears of a view
 * in its own time. From each state every message on its way is delivered next, up to a depth. A message that is lost is
 * one that is never delivered, so every judged state is also one in which the rest was lost.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type NodeId, nodeId } from "../../core/ids.ts";
import { serving } from "../../cluster/owner.ts";
import {
  foundPartitions,
  leaseChanged,
  partitionMessage,
  partitionsInstalled,
} from "../../cluster/partition_machine.ts";
import type { PartitionMessage } from "../../cluster/partition_protocol.ts";
import { createPartitions, type PartitionEffect, type Partitions, replicaOf } from "../../cluster/partition_state.ts";
import { ALL_RULES, type Rules, without } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import { active, moving } from "./planned.ts";
import { claim, P } from "./partition_net.ts";
import { at, following, founded, SETTINGS, TIMES } from "./view_values.ts";

/** Deliveries after which an order is not followed any further: a move has many messages at a time, a loss has few. */
const MOVE_DEPTH_MAX = 10;
const LOSS_DEPTH_MAX = 20;
/** States of one exploration; more would be a mistake in it. */
const STATES_MAX = 20_000;

type Packet =
  | { readonly kind: "message"; readonly from: NodeId; readonly to: NodeId; readonly message: PartitionMessage }
  | { readonly kind: "view"; readonly to: NodeId; readonly number: number }
  /** The next view comes to exist. */
  | { readonly kind: "change"; readonly to: NodeId };

interface State {
  readonly nodes: ReadonlyMap<NodeId, Partitions>;
  readonly onWay: readonly Packet[];
  /** The newest view that exists. */
  readonly viewNumber: number;
  readonly isAcknowledged: boolean;
  readonly isLossAnnounced: boolean;
}

/** A story: views one after the other. A view that activates exists once its configuration is reported as ready. */
interface Story {
  readonly views: readonly View[];
  readonly rules: Rules;
  readonly depthMax: number;
}

const CHANGE: Packet = { kind: "change", to: nodeId("") };
const first = founded("a b c");
const place = { cfg: 1, group: ["a", "b", "c"] } as const;

const CHAPTERS = {
  "move": [["a b c", ["b", "a", "c"], "begin"], ["a b c", ["b", "a", "c"], "activate"]],
  "loss": [["b c", ["b", "c"], "begin"], ["b c", ["b", "c"], "activate"]],
  "two losses": [["b c", ["c", "b"], "begin"], ["c", ["c"], "begin"], ["c", ["c"], "activate"]],
} as const;

describe("an acknowledged write survives, and one node serves,", () => {
  it("in every order of a move", () => explore(storyOf("move")));
  it("in every order after the loss of the owner", () => explore(storyOf("loss")));
  it("or its loss is announced, in every order after the loss of two", () => explore(storyOf("two losses")));
});

describe("there is an order that breaks that", () => {
  it("in a move without sealOwner", () => breaks(storyOf("move", without("sealOwner"))));
  for (const rule of ["sealCoverage", "quorumWrite", "replyAfterCommit"] as const) {
    it(`after a loss without ${rule}`, () => breaks(storyOf("loss", without(rule))));
  }
});

function breaks(story: Story): void {
  assert.throws(() => explore(story), /^AssertionError.*(has the write|one serves)/s);
}

function explore(story: Story): void {
  let layer = [begin(story)];
  const seen = new Set(layer.map(keyOf));
  for (let depth = 0; depth < story.depthMax && layer.length > 0; depth++) {
    const next: State[] = [];
    for (const state of layer) {
      for (let index = 0; index < state.onWay.length; index++) {
        const after = deliver(state, index, story);
        const key = keyOf(after);
        if (seen.has(key)) continue;
        seen.add(key);
        judge(after);
        next.push(after);
      }
      assert.ok(seen.size < STATES_MAX, `the exploration is bounded: ${seen.size} states at depth ${depth}`);
    }
    layer = next;
  }
}

function judge({ nodes, isAcknowledged, isLossAnnounced }: State): void {
  const owners = [...nodes].filter(([, node]) => typeof serving(node, P) === "object");
  // An owner that was removed has no lease when the view without it exists: that is for others to promise.
  assert.ok(owners.length <= 1, `at most one serves: ${owners.map(([id]) => id).join(" and ")}`);
  if (!isAcknowledged || isLossAnnounced) return;
  for (const [id, node] of owners) assert.ok(replicaOf(node, P).entries.has("k"), `${id} serves and has the write`);
}

/** All three have the first view, and `c` has asked `a` to write. */
function begin(story: Story): State {
  const nodes = new Map<NodeId, Partitions>();
  for (const { id } of first.members) {
    const node = createPartitions({
      self: id,
      settings: SETTINGS,
      timings: TIMES,
      rules: story.rules,
      chunkEntries: 8,
      changesKept: 8,
      tableBytes: 1 << 20,
    });
    nodes.set(id, node);
    foundPartitions(node, first);
    leaseChanged(node, true);
    const some: PartitionEffect[] = [];
    partitionsInstalled(node, first, undefined, at(0), some);
    // The owner knows that its backups begin empty, like itself.
    for (const follower of node.owned.get(P)?.followers.values() ?? []) follower.acked = 0;
  }
  const request: PartitionMessage = {
    kind: "registryRequest",
    epoch: first.epoch,
    requestId: 1,
    oldest: 1,
    partition: P,
    operations: [claim("k", "c")],
  };
  const state: State = { nodes, onWay: [], viewNumber: 0, isAcknowledged: false, isLossAnnounced: false };
  const asked = { kind: "message", from: nodeId("c"), to: nodeId("a"), message: request } as const;
  return { ...state, onWay: [asked, CHANGE] };
}

function deliver(state: State, index: number, story: Story): State {
  const packet = state.onWay[index];
  assert.ok(packet !== undefined);
  const rest = state.onWay.toSpliced(index, 1);
  if (packet.kind === "change") return announce({ ...state, onWay: rest }, story);
  const before = state.nodes.get(packet.to);
  if (before === undefined) return { ...state, onWay: rest };
  const node = structuredClone(before);
  const out: PartitionEffect[] = [];
  if (packet.kind === "message") partitionMessage(node, packet.from, packet.message, at(0), out);
  else {
    const view = story.views[packet.number - 1];
    assert.ok(view !== undefined);
    if ((node.view?.epoch ?? 0) < view.epoch) partitionsInstalled(node, view, node.view, at(0), out);
  }
  const nodes = new Map(state.nodes).set(packet.to, node);
  return follow({ ...state, nodes, onWay: rest }, packet.to, out, story);
}

function follow(state: State, from: NodeId, out: readonly PartitionEffect[], story: Story): State {
  let { onWay, isAcknowledged, isLossAnnounced } = state;
  let isReady = false;
  for (const effect of out) {
    if (effect.kind === "dataLoss") isLossAnnounced = true;
    if (effect.kind === "recovered") {
      isReady ||= effect.cfg === story.views[state.viewNumber]?.partitions[0]?.cfg;
    }
    if (effect.kind !== "send") continue;
    const { to, message } = effect;
    if (message.kind === "registryReply") {
      isAcknowledged ||= message.answers.some(({ result }) => result.kind === "ok");
    } else onWay = [...onWay, { kind: "message", from, to, message }];
  }
  const next = { ...state, onWay, isAcknowledged, isLossAnnounced };
  return isReady ? announce(next, story) : next;
}

/** The next view exists. Whoever is not in it has lost its lease before it could be chosen. */
function announce(state: State, { views }: Story): State {
  const view = views[state.viewNumber];
  if (view === undefined) return state;
  const number = state.viewNumber + 1;
  const news = view.members.map(({ id }): Packet => ({ kind: "view", to: id, number }));
  const nodes = new Map(Array.from(state.nodes, ([id, node]): [NodeId, Partitions] => {
    if (view.members.some((member) => member.id === id)) return [id, node];
    const over = structuredClone(node);
    leaseChanged(over, false);
    return [id, over];
  }));
  // A further loss may come at any time; what activates comes when it is reported as ready.
  const isLoss = views[number]?.partitions[0]?.next !== undefined;
  return { ...state, viewNumber: number, nodes, onWay: [...state.onWay, ...news, ...isLoss ? [CHANGE] : []] };
}

/** Two states of one key have the same futures. */
function keyOf({ nodes, onWay, viewNumber, isAcknowledged, isLossAnnounced }: State): string {
  const plain = (_key: string, value: unknown) => {
    if (value instanceof Map) return [...value];
    return value instanceof Set ? [...value].sort() : value;
  };
  const remembered = Array.from(nodes.values(), ({ view, hasLease, replicas, owned, incoming }) => {
    return JSON.stringify([view?.epoch, hasLease, [...replicas], [...owned], [...incoming]], plain);
  });
  const packets = onWay.map((packet) => JSON.stringify(packet)).sort();
  return [...remembered, ...packets, viewNumber, isAcknowledged, isLossAnnounced].join("\n");
}

/** A story by its name. A chapter says who is in, which group is wanted, and whether that begins or is active. */
function storyOf(name: keyof typeof CHAPTERS, rules: Rules = ALL_RULES): Story {
  let view = first;
  let cfg = 0;
  const views = CHAPTERS[name].map(([names, group, what]) => {
    const members = first.members.filter(({ id }) => names.split(" ").includes(id));
    view = following(view, { members }, { name: `${what} ${view.epoch + 1}` });
    if (what === "begin") cfg = view.epoch;
    const why = name === "move" ? "move" as const : "loss" as const;
    const placed = what === "begin" ? moving(place.cfg, place.group, { cfg, group, why }) : active(cfg, ...group);
    view = { ...view, partitions: [placed] };
    return view;
  });
  return { views, rules, depthMax: name === "move" ? MOVE_DEPTH_MAX : LOSS_DEPTH_MAX };
}
