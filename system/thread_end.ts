/**
 * What the main thread of a clustered node says to any of its threads about activations, and what it hears of them. Types,
 * and one number. Pure.
 *
 * One idea: this thread's own host is called, a worker is written to; to whoever does what the machine wants, both are one
 * end.
 *
 * @module
 */
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { StopReason } from "../core/lifecycle.ts";
import type { NodeInput } from "../cluster/cluster_node.ts";
import type { Version } from "../cluster/engine.ts";
import type { Arrived, FlushFrame, UserFrame } from "../cluster/router_protocol.ts";
import type { StopWord } from "../workers/abroad.ts";
import type { Activation, ClusterLetter, LetterOutcome } from "../workers/cluster_port.ts";

/** The main thread itself. */
export const MAIN: ThreadIndex = 0 as ThreadIndex;

/** Why a thread does not take a message. */
export type Untaken = "buffer-full" | "message-too-large";

/** One thread. */
export interface ThreadEnd {
  /** Records and words that belonged to another identity, or to nothing. */
  readonly strayCount: number;
  /** Begins an activation; `generation` is the store's number for this cluster. */
  begin(activation: Activation, generation: number): void;
  /** Ends one; its end follows, also when it is not there. */
  stop(key: ActorKey, token: Version, word: StopWord): void;
  /** Gives a flush to an activation: there is always room for it. */
  flush(number: number, arrived: Arrived, frame: FlushFrame): undefined;
  /** Gives a message to an activation; why its thread does not take it, if so. */
  deliver(number: number, arrived: Arrived, frame: UserFrame): Untaken | undefined;
  /** Answers an ask of one of its actors. */
  answer(askId: number, outcome: LetterOutcome): void;
  /** Whether messages of its own actors may go straight to an activation: the answer to `wantsOpen`. */
  open(key: ActorKey, token: Version, isOpen: boolean): void;
}

/** What is left of an activation of this node, as the machine has it. */
export interface Remaining {
  readonly key: ActorKey;
  readonly token: Version;
  readonly reason: StopReason;
  /** What it was given and has not run. */
  readonly items: readonly Arrived[];
  /** What actors of its thread had given it, which it has not run. */
  readonly letters: readonly ClusterLetter[];
  /** The number of the last it was given. */
  readonly through: number;
}

/** Who has the threads, and hears what they say under the present identity. */
export interface ThreadOwner {
  /** Hands an input to the machine, soon: never from inside of this call. */
  tell(input: NodeInput): void;
  /** An actor, or who asks from outside, sends. */
  send(thread: ThreadIndex, letter: ClusterLetter): void;
  abortAsk(askId: number): void;
  ended(thread: ThreadIndex, remaining: Remaining): void;
  wantsOpen(thread: ThreadIndex, key: ActorKey, token: Version): void;
  /** An actor of a thread watches one that isn't on it, or no longer. */
  watch(thread: ThreadIndex, watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean): void;
}
