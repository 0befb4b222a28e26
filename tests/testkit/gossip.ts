/**
 * A toy for the simulator: processes that number what they send to each other, and checkers that know the numbers.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import type { Now } from "../../cluster/time.ts";
import type { Birth, LaneName, ProcessEffect, ProcessInput, SimulatedProcess, Subject } from "../../testkit/process.ts";
import { type Checker, type Scenario, SimulationViolation } from "../../testkit/scenario.ts";

/** A numbered frame, or the greeting by which processes find each other. */
export type GossipFrame =
  | { readonly kind: "hello" }
  | { readonly kind: "numbered"; readonly lane: LaneName; readonly number: number; readonly sentMono: number };

/** What users ask a process for. */
export type GossipOperation =
  | { readonly kind: "retire" }
  | { readonly kind: "burst"; readonly count: number }
  | { readonly kind: "throw" };

/** What a process tells its checkers. */
export type GossipNote =
  | { readonly kind: "heard"; readonly input: GossipInput; readonly now: Now; readonly self: NodeId }
  | { readonly kind: "born"; readonly birth: Birth };

/** An input of a process. */
export type GossipInput = ProcessInput<GossipFrame, GossipOperation>;
type Effect = ProcessEffect<GossipFrame, GossipNote>;

/** Greets all addresses, and sends a numbered frame on both lanes to everybody it knows at each tick. */
export class Gossip implements SimulatedProcess<GossipFrame, GossipOperation, GossipNote> {
  readonly id: NodeId;
  readonly birth: Birth;
  readonly peers: Set<NodeId> = new Set();
  readonly #numbers: Map<NodeId, number> = new Map();
  #steps = 0;

  constructor(birth: Birth) {
    this.id = birth.id;
    this.birth = birth;
  }

  step(input: GossipInput, now: Now, out: Effect[]): void {
    this.#steps++;
    out.push({ kind: "note", note: { kind: "heard", input, now, self: this.id } });
    switch (input.kind) {
      case "tick":
        for (const peer of this.peers) this.#send(peer, now, out);
        return;
      case "frame":
        if (input.from !== this.id) this.peers.add(input.from);
        return;
      case "discovered":
        for (const address of input.addresses) {
          if (address !== this.birth.address) out.push({ kind: "greet", address, frame: { kind: "hello" } });
        }
        return;
      case "operation":
        if (input.operation.kind === "retire") out.push({ kind: "retire", reason: "asked to" });
        else if (input.operation.kind === "throw") throw new Error("asked to throw");
        else {for (let sent = 0; sent < input.operation.count; sent++) {
            for (const peer of this.peers) this.#send(peer, now, out);
          }}
        return;
      case "linkLost":
      case "lag":
        return;
      default:
        return input satisfies never;
    }
  }

  describe(): unknown {
    return { id: this.id, steps: this.#steps, numbers: [...this.#numbers] };
  }

  #send(to: NodeId, now: Now, out: Effect[]): void {
    const number = (this.#numbers.get(to) ?? 0) + 1;
    this.#numbers.set(to, number);
    for (const lane of ["control", "data"] as const) {
      out.push({ kind: "send", to, lane, frame: { kind: "numbered", lane, number, sentMono: now.mono } });
    }
  }
}

/** Makes {@link Gossip}. */
export const gossip: Subject<GossipFrame, GossipOperation, GossipNote, Gossip> = {
  name: "gossip",
  create: (birth) => new Gossip(birth),
  frameName: (frame) => frame.kind === "hello" ? "hello" : `number ${frame.number}`,
  noteLine: (note) => note.kind,
};

/** A checker of gossip. */
export type GossipChecker = Checker<GossipFrame, GossipOperation, GossipNote, Gossip>;

/** Gossip with these checkers. */
export function gossiping(
  ...checkers: readonly GossipChecker[]
): Scenario<GossipFrame, GossipOperation, GossipNote, Gossip> {
  return { name: "gossip", begin: () => ({ subject: gossip, checkers }) };
}

/**
 * Each connection keeps its order and, on the data lane, has no gap; a generation that is told lost is read no more
 * unless a newer one has replaced it.
 */
export class OrderChecker implements GossipChecker {
  readonly name = "order";
  readonly #last: Map<string, number> = new Map();
  /** Frames that came by an older connection after one that came by a newer. */
  lateCount = 0;
  dataCount = 0;
  controlGapCount = 0;
  readonly #newest: Map<string, number> = new Map();

  onNote(_world: unknown, _node: unknown, note: GossipNote): void {
    if (note.kind !== "heard" || note.input.kind !== "frame" || note.input.frame.kind !== "numbered") return;
    const { from, lane, generation, frame } = note.input;
    if (lane !== frame.lane) throw new SimulationViolation(this.name, "A frame changed its lane");
    const route = `${from}>${note.self}/${lane}`;
    const key = `${route}#${generation}`;
    const last = this.#last.get(key);
    if (last !== undefined && frame.number <= last) {
      throw new SimulationViolation(this.name, `${key}: ${frame.number} after ${last}`);
    }
    if (lane === "data" && last !== undefined && frame.number !== last + 1) {
      throw new SimulationViolation(this.name, `${key}: a gap before ${frame.number}, after ${last}`);
    }
    if (lane === "control" && last !== undefined && frame.number !== last + 1) this.controlGapCount++;
    if (lane === "data") this.dataCount++;
    this.#last.set(key, frame.number);
    const newest = this.#newest.get(route) ?? 0;
    if (generation < newest) this.lateCount++;
    else this.#newest.set(route, generation);
  }
}
