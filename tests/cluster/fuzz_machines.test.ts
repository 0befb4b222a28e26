import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { bootstrapMessage, createBootstrap, discovered, tickBootstrap } from "../../cluster/bootstrap.ts";
import { PEERS_KEPT_MAX, REFUSED_KEPT_MAX } from "../../cluster/bootstrap_state.ts";
import type { DetectorMessage } from "../../cluster/detector_protocol.ts";
import { createDetector, stepDetector } from "../../cluster/detector.ts";
import { HELPS_MAX } from "../../cluster/detector_helping.ts";
import type { EngineMessage } from "../../cluster/embedded_engine.ts";
import { createLeader, type LeaderInput, stepLeader } from "../../cluster/leader.ts";
import { nextView, problemOfView } from "../../cluster/next_view.ts";
import { holdingsGiven, leaseChanged, partitionMessage, partitionsInstalled } from "../../cluster/partition_machine.ts";
import { tickPartitions } from "../../cluster/partition_machine.ts";
import { createPartitions } from "../../cluster/partition_state.ts";
import type { PartitionMessage } from "../../cluster/partition_protocol.ts";
import { initialPlaces } from "../../cluster/planner.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { type ClusterSettings, TIMINGS } from "../../cluster/settings.ts";
import type { Now } from "../../cluster/time.ts";
import { isMember, type Member, type Placed, type View } from "../../cluster/view.ts";
import {
  createViewMachine,
  install,
  propose,
  releaseLease,
  tickView,
  viewMessage,
} from "../../cluster/view_machine.ts";
import { type BootstrapMessage, isBootstrap, type ViewMessage } from "../../cluster/view_protocol.ts";
import { epoch, instant, type NodeId, nodeId, type Partition } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { SAMPLES, sampleView } from "./frame_samples.ts";
import { PARTITIONS } from "./fuzz_samples.ts";
import { changed } from "./fuzz_values.ts";

/** One input of a machine, whichever it is. Numbers are taken modulo what there is. */
interface Input {
  readonly what: number;
  readonly from: number;
  readonly which: number;
  readonly leaf: number;
  readonly by: number;
  readonly isChanged: boolean;
  readonly ms: number;
  readonly wallMs: number;
}

type Machine = (input: Input, now: Now) => void;

const IDS: readonly NodeId[] = ["a", "b", "c", "x"].map(nodeId);
const SELF = nodeId("a");
const BORN: Now = { mono: instant(5_000), wall: 1_780_000_000_000 };
const SETTINGS: ClusterSettings = {
  name: "fuzz",
  partitionCount: PARTITIONS,
  replicaCount: 2,
  writeQuorum: 2,
  readQuorum: 2,
  rule: { kind: "dynamic" },
  minimumPeersQuorum: 1,
};
const PARTS = {
  self: SELF,
  settings: SETTINGS,
  timings: TIMINGS,
  rules: ALL_RULES,
  chunkEntries: 1,
  changesKept: 4,
  tableBytes: 1 << 12,
};

describe("alone, and told anything by anybody in any order,", () => {
  neverThrows("the machine of views keeps its epoch, its seal on ballots and its promises", viewsAlone);
  neverThrows("the machine of partitions never lowers a seal, and keeps one copy of each", partitionsAlone);
  neverThrows("bootstrap remembers a bounded number of nodes and attempts", bootstrapAlone);
  neverThrows("the leader drafts for its view only, one view at a time", leaderAlone);
  neverThrows("the detector helps a bounded number of others", detectorAlone);
});

function neverThrows(claim: string, create: (seed: number) => Machine): void {
  it(`property: ${claim}`, () => {
    const nat = fc.nat(1_000);
    const input: fc.Arbitrary<Input> = fc.record({
      what: nat,
      from: nat,
      which: nat,
      leaf: nat,
      by: nat,
      isChanged: fc.boolean(),
      ms: fc.oneof(fc.nat(300), fc.nat(10_000)),
      wallMs: fc.integer({ min: -100_000, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.nat(1_000), fc.array(input, { maxLength: 150, size: "max" }), (seed, inputs) => {
        const machine = create(seed);
        let { mono, wall } = BORN;
        for (const one of inputs) {
          mono = instant(mono + one.ms);
          wall += one.wallMs;
          machine(one, { mono, wall });
        }
      }),
      { numRuns: 150 },
    );
  });
}

function viewsAlone(seed: number): Machine {
  const machine = createViewMachine({ ...PARTS, random: seededRandom(seed) });
  const { acceptor } = machine;
  let promises = new Map<NodeId, number>();
  let view: View | undefined;
  let promised = { epoch: 0, round: 0 };
  const messages = viewSamples();
  return (input, now) => {
    const from = idOf(input.from);
    const message = sampleOf(messages, input);
    let released: NodeId | undefined;
    switch (input.what % 10) {
      case 0:
        install(machine, viewAfter(machine.view, input.which), now, []);
        break;
      case 1:
        tickView(machine, now, []);
        break;
      case 2: {
        const members = (machine.view?.members ?? []).filter((_, index) => index !== input.which % 4);
        const draft = { members, partitions: machine.view?.partitions ?? [] };
        propose(machine, input.which, epoch(machine.view?.epoch ?? 0), draft, instant(now.mono + input.ms), now, []);
        break;
      }
      case 3:
        if (input.which % 20 === 0) releaseLease(machine, now, []);
        if (input.which % 20 === 0) released = SELF;
        break;
      default:
        if (message.kind === "leaseRelease") released = from;
        viewMessage(machine, from, message, now, []);
    }
    if (view !== undefined) {
      assert.ok(machine.view !== undefined && machine.view.epoch >= view.epoch, "the epoch never goes back");
      assert.equal(machine.view.clusterId, view.clusterId, "a node stays in its cluster");
    }
    if (machine.view !== undefined) {
      assert.equal(problemOfView(machine.view, PARTITIONS), undefined, "a view that breaks a rule is not installed");
      const { round } = acceptor.promised ?? { round: 0 };
      if (machine.view.epoch === promised.epoch) assert.ok(round >= promised.round, "a promised ballot never falls");
      promised = { epoch: machine.view.epoch, round };
    }
    for (const [id, until] of promises) {
      const still = acceptor.promisedUntil.get(id);
      assert.ok(id === released || (still === undefined ? until <= now.mono : still >= until), "promises are kept");
    }
    promises = new Map(acceptor.promisedUntil);
    view = machine.view;
    assert.equal(machine.loopback.length, 0);
  };
}

function partitionsAlone(): Machine {
  const state = createPartitions(PARTS);
  const messages: readonly PartitionMessage[] = Object.values(SAMPLES.engine).flat().filter(isOfPartitions);
  const sealed = new Map<Partition, number>();
  return (input, now) => {
    const message = sampleOf(messages, input);
    const { view } = state;
    switch (input.what % 8) {
      case 0:
        partitionsInstalled(state, viewAfter(view, input.which), view, now, []);
        break;
      case 1:
        tickPartitions(state, now, []);
        break;
      case 2:
        leaseChanged(state, input.which % 3 > 0);
        break;
      case 3:
        holdingsGiven(state, (input.which % (PARTITIONS + 1)) as Partition, input.by % 6, [], now, []);
        break;
      default:
        // As often as not about what is going on here.
        partitionMessage(state, idOf(input.from), aimed(message, view, input), now, []);
    }
    for (const [partition, replica] of state.replicas) {
      assert.ok(partition < PARTITIONS, "there are copies of partitions only");
      assert.ok(replica.sealed >= (sealed.get(partition) ?? 0), "a seal never falls");
      assert.ok(replica.bytes >= 0 && replica.seq >= 0);
      sealed.set(partition, replica.sealed);
    }
    assert.equal(state.loopback.length + state.fresh.size, 0);
  };
}

function bootstrapAlone(seed: number): Machine {
  const rule = seed % 2 === 0 ? SETTINGS.rule : { kind: "seeds" as const, seeds: ["a:1", "b:1", "c:1"] };
  const settings = { ...SETTINGS, rule };
  const state = createBootstrap({
    ...PARTS,
    settings,
    self: member(SELF),
    random: seededRandom(seed),
    bornAt: BORN,
    processStartedAt: BORN,
    wasMember: seed % 3 === 0,
    initialPlaces: (founders) => initialPlaces(founders, PARTITIONS, 2, epoch(1)),
  });
  const messages: readonly BootstrapMessage[] = Object.values(SAMPLES.engine).flat().filter(isBootstrap);
  return (input, now) => {
    const view = input.by % 4 === 0 ? sampleView(2 + input.by % 3) : undefined;
    const membership = { view, hasLease: view !== undefined && input.which % 2 === 0 };
    switch (input.what % 5) {
      case 0:
        tickBootstrap(state, membership, now, []);
        break;
      case 1:
        discovered(state, [`${input.which}:1`, "b:1", "a:1"], now);
        break;
      default: {
        const from = idOf(input.from);
        const message = sampleOf(messages, input);
        const isOfAttempt = "clusterId" in message && message.kind !== "hello" && state.attempt !== undefined;
        const clusterId = state.attempt?.view.clusterId ?? "";
        bootstrapMessage(state, from, isOfAttempt ? { ...message, clusterId } : message, membership, now, []);
      }
    }
    assert.ok(state.peers.size <= PEERS_KEPT_MAX && state.refused.size <= REFUSED_KEPT_MAX);
    assert.ok(state.discovered.size <= PEERS_KEPT_MAX);
    assert.equal(problemOfAttempt(state.attempt?.view), undefined);
  };
}

function leaderAlone(seed: number): Machine {
  const leader = createLeader({ ...PARTS, random: seededRandom(seed) }, BORN);
  return (input, now) => {
    const previous = leader.view;
    const id = idOf(input.from);
    const partition = (input.which % (PARTITIONS + 1)) as Partition;
    const kinds: readonly LeaderInput[] = [
      { kind: "tick" },
      { kind: "engineView", view: viewAfter(previous, input.which), previous },
      { kind: "engineLease", status: input.which % 2 === 0 ? "held" : "frozen" },
      { kind: "joinWanted", member: member(nodeId(`j${input.which}`)) },
      { kind: "joinWanted", member: member(id) },
      { kind: "leaveWanted", id },
      { kind: "leaseReleased", id },
      { kind: "votersProven" },
      { kind: "recovered", partition, cfg: epoch(input.by % 5) },
      { kind: "accused", subject: id, by: idOf(input.which) },
      { kind: "alert", subject: id, by: idOf(input.which), alert: "down", epoch: epoch(input.by % 6) },
      { kind: "condemn", id },
      { kind: "proposed", result: { kind: "committed", epoch: epoch(input.by % 5) } },
      { kind: "proposed", result: { kind: "refused", reason: "" } },
    ];
    const wasProposing = leader.isProposing;
    const proposing = stepLeader(leader, kinds[input.what % kinds.length] ?? assert.fail(), now);
    if (proposing === undefined) return;
    assert.ok(!wasProposing, "one proposal at a time");
    const { base, draft } = proposing.request;
    assert.ok(leader.view !== undefined && base === leader.view.epoch, "a draft is for the installed view");
    assert.equal(draft.partitions.length, PARTITIONS);
    assert.ok(draft.members.length > 0 && draft.members.length <= 1_100);
    const next = nextView(leader.view, draft, "draft", () => true, ALL_RULES);
    if (problemOfView(leader.view, PARTITIONS) === undefined) {
      assert.equal(
        problemOfView({ ...next, need: next.need }, PARTITIONS),
        undefined,
        "a draft breaks no rule of views",
      );
    }
  };
}

function detectorAlone(seed: number): Machine {
  const detector = createDetector({ self: SELF, timings: TIMINGS, random: seededRandom(seed) });
  const messages: readonly DetectorMessage[] = Object.values(SAMPLES.detector).flat();
  return (input, now) => {
    const from = idOf(input.from);
    switch (input.what % 8) {
      case 0:
        return stepDetector(detector, { kind: "view", view: viewAfter(detector.view, input.which) }, now, []);
      case 1:
        return stepDetector(detector, { kind: "tick" }, now, []);
      case 2:
        return stepDetector(detector, { kind: "linkLost", peer: from }, now, []);
      case 3:
        return stepDetector(detector, { kind: "lag", ms: input.ms }, now, []);
      default:
        stepDetector(detector, { kind: "message", from, message: sampleOf(messages, input) }, now, []);
    }
    assert.ok(detector.helping.size <= HELPS_MAX);
  };
}

// --- parts ----------------------------------------------------------------------------------------

/** Some view after a view: without somebody, with other places, or one that was not meant for us. */
function viewAfter(view: View | undefined, which: number): View {
  if (view === undefined) return sampleView(2);
  const number = epoch(view.epoch + 1 + (which % 5 === 0 ? 1 : 0));
  const gone = which % 7;
  const newcomer = which % 3 === 0 ? [member(nodeId(`n${which}`))] : [];
  const known = [...view.members, ...newcomer.filter(({ id }) => !isMember(view, id))];
  const members = known.filter(({ id }, index) => id === SELF || index !== gone || which % 2 === 0);
  const ids = members.map(({ id }) => id);
  const partitions = view.partitions.map((place, index): Placed => {
    const group = [ids[(which + index) % ids.length], ids[(which + index + 1) % ids.length]];
    const chosen = [...new Set(group)].filter((id) => id !== undefined);
    if (place.next !== undefined && (which + index) % 2 === 0) {
      return { cfg: place.next.cfg, group: place.next.group, next: undefined };
    }
    return which % 4 === 0 ? place : { ...place, next: { cfg: number, group: chosen, why: "move" } };
  });
  const next = nextView(view, { members, partitions }, `v/${which}`, () => true, ALL_RULES);
  return { ...next, epoch: number };
}

function viewSamples(): readonly ViewMessage[] {
  const messages = Object.values(SAMPLES.engine).flat().filter((one) => !isOfPartitions(one) && !isBootstrap(one));
  const ballot = { round: 2, by: nodeId("b") };
  const views = [2, 3, 4, 5].map(sampleView).flatMap((view): readonly ViewMessage[] => [
    { kind: "commit", view },
    { kind: "accept", epoch: view.epoch, ballot, view },
    { kind: "promise", epoch: view.epoch, ballot, accepted: { ballot, view } },
    { kind: "prepare", epoch: view.epoch, ballot },
    { kind: "leaseRequest", epoch: view.epoch, request: 1 },
  ]);
  return [...messages as readonly ViewMessage[], ...views];
}

function isOfPartitions(message: EngineMessage): message is PartitionMessage {
  return "partition" in message || message.kind === "registryReply";
}

function sampleOf<T>(messages: readonly T[], { which, isChanged, leaf, by }: Input): T {
  const message = messages[which % messages.length] ?? assert.fail();
  return isChanged ? changed(message, leaf, by) : message;
}

/** A message about a partition, as of the configuration that a view begins or has. */
function aimed(message: PartitionMessage, view: View | undefined, { by, leaf }: Input): PartitionMessage {
  if (view === undefined || by % 2 === 0 || !("partition" in message)) return message;
  const partition = (leaf % PARTITIONS) as Partition;
  const place = view.partitions[partition];
  const cfg = place?.next?.cfg ?? place?.cfg ?? epoch(1);
  return { ...message, partition, ..."cfg" in message ? { cfg } : { epoch: view.epoch } };
}

function problemOfAttempt(view: View | undefined): string | undefined {
  return view === undefined ? undefined : problemOfView(view, PARTITIONS);
}

function member(id: NodeId): Member {
  return {
    id,
    address: `${id}:1`,
    zone: "",
    roles: [],
    kinds: [],
    joinEpoch: epoch(0),
    status: "up",
    capacity: 1,
  };
}

function idOf(index: number): NodeId {
  return IDS[index % IDS.length] ?? assert.fail();
}
