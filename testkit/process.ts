/**
 * What the simulator simulates: a process that is told inputs one at a time and answers with effects, and the subject
 * that makes such processes. Pure types.
 *
 * One idea: everything a node meets is an input, everything it does is an effect, so one thread can run a whole cluster
 * and put any two inputs in any order.
 *
 * Invariant: a process keeps no reference to an input, and changes nothing it has given away in an effect. Frames go
 * from sender to receiver by reference.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { Now } from "../cluster/time.ts";

/** The two ways between a pair of nodes. Only the control lane may lose single frames; each keeps its order. */
export type LaneName = "control" | "data";

/** What happens to a process. `F` is the type of its frames, `O` of the operations its users ask for. */
export type ProcessInput<F, O> =
  /** About every `tickMs` of the plan's settings, by the clock of its host. Ticks missed in a pause come as one. */
  | { readonly kind: "tick" }
  | {
    readonly kind: "frame";
    readonly from: NodeId;
    readonly fromAddress: string;
    readonly lane: LaneName;
    /**
     * Which connection of this pair and lane it came by, from 1; a later connection has a higher number. What was in
     * flight on an older one may arrive after what came by a newer one. `0` for a greeting, and for a frame to oneself.
     */
    readonly generation: number;
    readonly frame: F;
  }
  /**
   * The connection of this generation is gone with all older ones, and with them any number of the last frames in both
   * directions. Comes once, and before the first frame of a newer one.
   */
  | { readonly kind: "linkLost"; readonly peer: NodeId; readonly lane: LaneName; readonly generation: number }
  /** Where others may be found. Says nothing about who lives there, or whether somebody does. */
  | { readonly kind: "discovered"; readonly addresses: readonly string[] }
  /** The event loop stood still for so long, by the monotonic clock. Comes right before the tick that was late. */
  | { readonly kind: "lag"; readonly ms: number }
  | { readonly kind: "operation"; readonly operation: O };

/** What a process does. `N` is the type of what it lets checkers see. */
export type ProcessEffect<F, N> =
  /** To one life of one node: no other ever gets it. Opens a connection when there is none. */
  | { readonly kind: "send"; readonly to: NodeId; readonly lane: LaneName; readonly frame: F }
  /** To whoever lives at an address when it arrives. No order, may be lost, nobody is told. */
  | { readonly kind: "greet"; readonly address: string; readonly frame: F }
  /** This identity is over: a new process, with a new id and the same clock, takes its place on the same host. */
  | { readonly kind: "retire"; readonly reason: string }
  /** Something for checkers. */
  | { readonly kind: "note"; readonly note: N };

/** One life of one node. */
export interface SimulatedProcess<F, O, N> {
  readonly id: NodeId;
  /** Takes one input. Effects are appended to `out` and performed in their order when it returns. */
  step(input: ProcessInput<F, O>, now: Now, out: ProcessEffect<F, N>[]): void;
  /** Plain data that says how it stands, for traces and for comparing two runs. */
  describe?(): unknown;
}

/** What a new process is made from. */
export interface Birth {
  /** Index of its host, from 0. */
  readonly host: number;
  /** The address of its host: the same for all its lives. */
  readonly address: string;
  readonly id: NodeId;
  /** Which process of its host this is, from 0: restarts and changes of identity both count. */
  readonly life: number;
  /** When the operating system's process began. A change of identity keeps it, a restart does not. */
  readonly processStartedAt: Now;
  readonly bornAt: Now;
  /** Its own source of chance. */
  readonly random: Random;
  /** The process it replaces in the same process of the operating system; `undefined` after a start or a crash. */
  readonly previous: Predecessor | undefined;
}

/** The identity a process had before. */
export interface Predecessor {
  readonly id: NodeId;
  /** The reason of its `retire`. */
  readonly reason: string;
  /** Its snapshot at the end, if it describes itself. */
  readonly described: unknown;
}

/** What is simulated: how its processes are made, and what its messages are called. */
export interface Subject<F, O, N, P extends SimulatedProcess<F, O, N> = SimulatedProcess<F, O, N>> {
  readonly name: string;
  create(birth: Birth): P;
  /** One or two words for transcripts. */
  frameName(frame: F): string;
  /** One line for transcripts. */
  noteLine(note: N): string;
  /** One line for transcripts; JSON when it is left out. */
  operationLine?(operation: O): string;
  /** Looks closer at a few frames, say by encoding and decoding them. A text says what is wrong. */
  checkFrame?(frame: F): string | undefined;
}
