/**
 * A few detectors and a cut each, on a bus that delays and loses: enough of a network to ask whom they accuse. Driven by
 * ticks; the same seed gives the same run.
 *
 * @module
 */
import { epoch, instant, type NodeId, nodeId } from "../../core/ids.ts";
import { fraction, type Random, seededRandom } from "../../core/random.ts";
import { createCut, type Cut, removals, stepCut } from "../../cluster/cut.ts";
import { createDetector, type Detector, type DetectorInput, stepDetector } from "../../cluster/detector.ts";
import type { AlertFrom, DetectorEffect, DetectorMessage } from "../../cluster/detector_protocol.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import type { Now } from "../../cluster/time.ts";
import type { View } from "../../cluster/view.ts";

/** The present at so many milliseconds. */
export function at(ms: number): Now {
  return { mono: instant(ms), wall: ms };
}

/** A view of these members, the first the oldest; all have a vote up to five, the first leads. */
export function viewOf(ids: readonly NodeId[], number = 1): View {
  const voters = ids.slice(0, 5).map((id) => ({ id, weight: 1 }));
  return {
    clusterId: "test",
    epoch: epoch(number),
    draft: `draft-${number}`,
    rule: { kind: "dynamic" },
    members: ids.map((id, index) => ({
      id,
      address: `${id}:1`,
      zone: "",
      roles: [],
      kinds: [],
      joinEpoch: epoch(index),
      status: "up",
      capacity: 1,
    })),
    voters,
    need: Math.floor(voters.length / 2) + 1,
    leader: ids[0],
    leaderTerm: epoch(1),
    partitions: [],
    removed: [],
  };
}

/** `count` ids, in the order of their names. */
export function idsOf(count: number): readonly NodeId[] {
  return Array.from({ length: count }, (_, index) => nodeId(`n${String(index).padStart(3, "0")}`));
}

interface Node {
  readonly id: NodeId;
  readonly detector: Detector;
  readonly cut: Cut;
  readonly phaseMs: number;
}

/** One alert as it was first said, with its instant. */
export interface Said extends AlertFrom {
  readonly ms: number;
}

const STEP_MS = 10;

/** Detectors on a bus. */
export class Bus {
  readonly ids: readonly NodeId[];
  readonly nodes: ReadonlyMap<NodeId, Node>;
  /** Alerts as the node that gave them told others, without repetitions in a row. */
  readonly said: Said[] = [];
  /** First time each node asked for a removal, as `by>subject`. */
  readonly asked = new Map<string, number>();
  /** Whether a frame gets through at all. Put your faults here. */
  passes: (from: NodeId, to: NodeId) => boolean = () => true;
  /** Nodes that do not run. */
  readonly stopped = new Set<NodeId>();
  loss = 0;
  view: View;
  nowMs = 0;
  readonly #random: Random;
  readonly #latest = new Map<string, string>();
  #inFlight: {
    readonly dueMs: number;
    readonly from: NodeId;
    readonly to: NodeId;
    readonly message: DetectorMessage;
  }[] = [];

  constructor(count: number, seed: number) {
    this.ids = idsOf(count);
    this.view = viewOf(this.ids);
    this.#random = seededRandom(seed);
    this.nodes = new Map(this.ids.map((id, index) => {
      const random = seededRandom(seed * 1_000 + index);
      const detector = createDetector({ self: id, timings: TIMINGS, random });
      const cut = createCut({ self: id, timings: TIMINGS });
      return [id, { id, detector, cut, phaseMs: (index * STEP_MS) % TIMINGS.tickMs }];
    }));
    this.install(this.view);
  }

  /** Gives all running nodes a view. */
  install(view: View): void {
    this.view = view;
    for (const { id, detector, cut } of this.nodes.values()) {
      if (this.stopped.has(id)) continue;
      stepDetector(detector, { kind: "view", view }, at(this.nowMs), []);
      stepCut(cut, { kind: "view", view }, at(this.nowMs));
    }
  }

  /** Runs until `untilMs`. */
  run(untilMs: number): void {
    while (this.nowMs < untilMs) {
      this.nowMs += STEP_MS;
      this.#deliver();
      for (const node of this.nodes.values()) {
        if (!this.stopped.has(node.id) && this.nowMs % TIMINGS.tickMs === node.phaseMs) this.#tick(node);
      }
    }
  }

  /** A process ends: it runs no more, and its connections close, with what was on them. */
  end(id: NodeId): void {
    this.stopped.add(id);
    this.#inFlight = this.#inFlight.filter(({ from, to }) => from !== id && to !== id);
    for (const other of this.ids) if (!this.stopped.has(other)) this.give(other, { kind: "linkLost", peer: id });
  }

  /** One input to one detector, now. */
  give(to: NodeId, input: DetectorInput): void {
    const node = this.node(to);
    const out: DetectorEffect[] = [];
    stepDetector(node.detector, input, at(this.nowMs), out);
    this.#perform(node, out);
  }

  node(id: NodeId | undefined): Node {
    const found = id === undefined ? undefined : this.nodes.get(id);
    if (found === undefined) throw new Error(`There is no node ${id}`);
    return found;
  }

  /** Nodes that last said `alert` of `subject`. */
  accusers(subject: NodeId, alert: "down" | "link"): number {
    return this.ids.filter((by) => this.#latest.get(`${by}>${subject}`) === alert).length;
  }

  /** When the first node that runs asked to remove `subject`. */
  askedAt(subject: NodeId): number | undefined {
    const times = [...this.asked].filter(([pair]) => pair.endsWith(`>${subject}`)).map(([, ms]) => ms);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #tick(node: Node): void {
    const now = at(this.nowMs);
    this.give(node.id, { kind: "tick" });
    stepCut(node.cut, { kind: "tick" }, now);
    if (!this.view.voters.some(({ id }) => id === node.id)) return;
    for (const subject of removals(node.cut, now)) {
      const pair = `${node.id}>${subject}`;
      if (!this.asked.has(pair)) this.asked.set(pair, this.nowMs);
    }
  }

  #deliver(): void {
    const due = this.#inFlight.filter(({ dueMs }) => dueMs <= this.nowMs);
    this.#inFlight = this.#inFlight.filter(({ dueMs }) => dueMs > this.nowMs);
    for (const { from, to, message } of due) {
      if (!this.stopped.has(to) && this.nodes.has(to)) this.give(to, { kind: "message", from, message });
    }
  }

  #perform({ id, cut }: Node, out: readonly DetectorEffect[]): void {
    for (const effect of out) {
      if (effect.kind === "alert") {
        stepCut(cut, effect, at(this.nowMs));
        if (effect.by === id) this.#note(effect);
        continue;
      }
      const { to, message } = effect;
      if (message.kind === "alert") this.#note({ ...message, by: id });
      if (!this.passes(id, to) || fraction(this.#random) < this.loss) continue;
      const dueMs = this.nowMs + (fraction(this.#random) < 0.5 ? STEP_MS : 2 * STEP_MS);
      this.#inFlight.push({ dueMs, from: id, to, message });
    }
  }

  #note(alert: AlertFrom): void {
    const pair = `${alert.by}>${alert.subject}`;
    if (this.#latest.get(pair) === alert.alert) return;
    this.#latest.set(pair, alert.alert);
    this.said.push({ ...alert, ms: this.nowMs });
  }
}
