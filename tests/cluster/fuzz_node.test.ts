import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Frame, viewOf } from "../../cluster/cluster_core.ts";
import { frameDecoder, isFrameProblem } from "../../cluster/decode_frame.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import type { View } from "../../cluster/view.ts";
import { instant, type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import type { ClusterNote } from "../../testkit/cluster_notes.ts";
import { type ClusterOperation, ClusterProcess } from "../../testkit/cluster_process.ts";
import { CLUSTER_RECIPE } from "../../testkit/cluster_scenario.ts";
import type { ProcessEffect, ProcessInput } from "../../testkit/process.ts";
import { frameSamples, PARTITIONS } from "./fuzz_samples.ts";
import { changed } from "./fuzz_values.ts";

/** One thing to do to a world of whole nodes. Numbers are taken modulo what there is. */
interface Command {
  readonly what: "calm" | "deliver" | "sample" | "operate" | "lost" | "tick";
  readonly which: number;
  readonly from: number;
  readonly to: number;
  readonly isKept: boolean;
  readonly isChanged: boolean;
  readonly leaf: number;
  readonly by: number;
}

interface Flying {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly lane: "control" | "data";
  readonly frame: Frame;
}

const IDS: readonly NodeId[] = ["a", "b", "c", "x"].map(nodeId);
const FLYING_MAX = 256;
/** Milliseconds after which whatever a user asked has ended: a leave takes the longest. */
const ALL_ENDED_MS = 60_000;

describe("a whole node that is told anything in any order", () => {
  it("property: never throws, never goes back, and ends whatever its users asked for once", () => {
    const nat = fc.nat(1_000);
    const command: fc.Arbitrary<Command> = fc.record({
      what: fc.constantFrom("calm", "deliver", "deliver", "sample", "sample", "operate", "operate", "lost", "tick"),
      which: nat,
      from: nat,
      to: nat,
      isKept: fc.boolean(),
      isChanged: fc.boolean(),
      leaf: nat,
      by: nat,
    });
    const run = fc.property(fc.nat(1_000), fc.array(command, { maxLength: 80, size: "max" }), (seed, commands) => {
      const world = new NodeWorld(seed);
      world.calm(90);
      for (const one of commands) world.do(one);
      world.end();
    });
    fc.assert(run, { numRuns: 60 });
  });
});

class NodeWorld {
  readonly #nodes: readonly ClusterProcess[];
  readonly #views = new Map<NodeId, View>();
  readonly #open = new Map<NodeId, Map<string, string>>();
  readonly #retired = new Set<NodeId>();
  readonly #decode = frameDecoder({ partitionCount: PARTITIONS, specBytesMax: 1_024 });
  #flying: Flying[] = [];
  #ms = 10_000;

  constructor(seed: number) {
    const bornAt = { mono: instant(this.#ms), wall: 1_780_000_000_000 };
    this.#nodes = IDS.slice(0, 3).map((id, host) =>
      new ClusterProcess({
        host,
        address: `${id}:1`,
        id,
        life: 0,
        processStartedAt: bornAt,
        bornAt,
        random: seededRandom(seed + host),
        previous: undefined,
      }, {
        settings: {
          name: "fuzz",
          partitionCount: PARTITIONS,
          replicaCount: 2,
          writeQuorum: 2,
          readQuorum: 1,
          rule: { kind: "dynamic" },
          minimumPeersQuorum: 2,
        },
        timings: { ...TIMINGS, tickMs: 100, stateSyncMs: 2_000 },
        rules: ALL_RULES,
        chunkEntries: 2,
        changesKept: 8,
        barrierMs: 0,
        rolesOf: () => [],
        threadsOf: () => undefined,
      })
    );
  }

  do({ what, which, from, to, isKept, isChanged, leaf, by }: Command): void {
    const node = this.#nodes[to % this.#nodes.length] ?? assert.fail();
    switch (what) {
      case "calm":
        return this.calm(1 + which % 12);
      case "tick":
        this.#ms += which * 4;
        return this.#step(node, { kind: "tick" });
      case "lost":
        return this.#step(node, { kind: "linkLost", peer: idOf(from), lane: "data", generation: 1 + which % 3 });
      case "operate": {
        const operation = CLUSTER_RECIPE.operation?.(seededRandom(which));
        return operation === undefined ? undefined : this.#step(node, { kind: "operation", operation });
      }
      case "deliver": {
        const index = which % Math.max(1, this.#flying.length);
        const flying = this.#flying[index];
        if (flying === undefined) return;
        if (!isKept) this.#flying.splice(index, 1);
        const sender = leaf % 6 === 0 ? idOf(from) : flying.from;
        return this.#deliver(
          { ...flying, from: sender, frame: isChanged ? changed(flying.frame, leaf, by) : flying.frame },
          1 + (by % 5 === 0 ? by % 3 : 0),
        );
      }
      case "sample": {
        const samples = frameSamples(node.core, by % 4 > 0);
        const sample = samples[which % samples.length] ?? assert.fail();
        const frame = isChanged ? changed(sample, leaf, by) : sample;
        const lane = frame.part === "router" ? "data" : "control";
        return this.#deliver({ from: idOf(from), to: node.id, lane, frame }, 1 + by % 2);
      }
      default:
        return what satisfies never;
    }
  }

  calm(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      this.#ms += 100;
      for (const node of this.#nodes) {
        if (tick % 20 === 0) this.#step(node, { kind: "discovered", addresses: ["a:1", "b:1", "c:1"] });
        this.#step(node, { kind: "tick" });
      }
      for (let rounds = 0; rounds < 8 && this.#flying.length > 0; rounds++) {
        for (const flying of this.#flying.splice(0)) this.#deliver(flying, 1);
      }
    }
  }

  /** Time passes, and nobody hears anybody: everything that was asked has to end. */
  end(): void {
    for (let ms = 0; ms <= ALL_ENDED_MS; ms += 500) {
      this.#ms += 500;
      for (const node of this.#nodes) this.#step(node, { kind: "tick" });
      this.#flying.length = 0;
    }
    for (const { id } of this.#nodes) {
      if (!this.#retired.has(id)) {
        assert.deepEqual([...this.#open.get(id)?.values() ?? []], [], `${id} answers its users`);
      }
    }
  }

  #deliver({ from, to, lane, frame }: Flying, generation: number): void {
    const node = this.#nodes.find(({ id }) => id === to);
    const decoded = this.#decode(frame);
    if (node === undefined || isFrameProblem(decoded)) return;
    this.#step(node, { kind: "frame", from, fromAddress: `${from}:1`, lane, generation, frame: decoded });
  }

  #step(node: ClusterProcess, input: ProcessInput<Frame, ClusterOperation>): void {
    if (this.#retired.has(node.id)) return;
    const out: ProcessEffect<Frame, ClusterNote>[] = [];
    node.step(input, { mono: instant(this.#ms), wall: 1_780_000_000_000 + this.#ms }, out);
    for (const effect of out) {
      if (effect.kind === "send") this.#fly({ from: node.id, to: effect.to, lane: effect.lane, frame: effect.frame });
      if (effect.kind === "greet") {
        const [to = ""] = effect.address.split(":");
        this.#fly({ from: node.id, to: nodeId(to), lane: "control", frame: effect.frame });
      }
      if (effect.kind === "note") this.#note(node.id, effect.note);
      if (effect.kind === "retire") this.#retired.add(node.id);
    }
    const view = viewOf(node.core);
    const before = this.#views.get(node.id);
    if (view === undefined) return;
    assert.ok(
      before === undefined || (before.epoch <= view.epoch && before.clusterId === view.clusterId),
      "it goes back",
    );
    this.#views.set(node.id, view);
  }

  #note(id: NodeId, note: ClusterNote): void {
    let open = this.#open.get(id);
    if (open === undefined) this.#open.set(id, open = new Map());
    if (note.kind === "asked") open.set(numberOf(note.id), note.id);
    if (note.kind === "ended") assert.ok(open.delete(numberOf(note.id)), `${note.id} ends once`);
  }

  #fly(flying: Flying): void {
    this.#flying.push(flying);
    if (this.#flying.length > FLYING_MAX) this.#flying.shift();
  }
}

function idOf(index: number): NodeId {
  return IDS[index % IDS.length] ?? assert.fail();
}

/** The number of a request: its node and count, whatever it was called for. */
function numberOf(id: string): string {
  return id.slice(id.indexOf(" ") + 1);
}
