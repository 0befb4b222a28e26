/**
 * The host of a clustered node's own main thread: it is called where a worker is written to. Without workers it has all
 * actors of the node; else it only sends for who asks from outside. Lives on the main thread; mutable.
 *
 * One idea: records of workers bear the identity of the process they belong to. What this host says bears none, so it is
 * asked under which identity its actors began.
 *
 * Invariant: what its actors still say of an identity that is over reaches nobody; but who asked from outside is answered.
 *
 * @module
 */
import { type ActorKey, after } from "../core/ids.ts";
import type { NodeInput } from "../cluster/cluster_node.ts";
import type { Version } from "../cluster/engine.ts";
import type { Arrived, FlushFrame, UserFrame } from "../cluster/router_protocol.ts";
import type { StopWord } from "../workers/abroad.ts";
import type {
  Activation,
  ClusterLetter,
  ClusterPort,
  LetterOutcome,
  Remains,
  SendRefusal,
} from "../workers/cluster_port.ts";
import type { PartitionHost } from "../workers/partition_host.ts";
import type { ThreadLease } from "../workers/thread_lease.ts";
import { MAIN, type ThreadEnd, type ThreadOwner } from "./thread_end.ts";
import { failedWith } from "./thread_words.ts";

const FENCED: LetterOutcome = failedWith("fenced", "not-delivered", "Cannot deliver: this node is out of its cluster");

/** What {@link OwnEnd} is given. */
export interface OwnEndOptions {
  readonly lease: ThreadLease;
  readonly owner: ThreadOwner;
  /** Whether there is no room for messages to this actor. */
  readonly isHeldBack: (key: ActorKey) => boolean;
}

/** See the module. */
export class OwnEnd implements ThreadEnd {
  /** What the host says comes here. */
  readonly port: ClusterPort = this.#portOf();
  strayCount = 0;
  readonly #options: OwnEndOptions;
  #host: PartitionHost | undefined = undefined;
  #identity = 0;
  /** While the host ends what it has of an older identity: the asks it would send once more. */
  #fencedAsks: number[] | undefined = undefined;

  constructor(options: OwnEndOptions) {
    this.#options = options;
  }

  /** The host it is the end of. */
  attach(host: PartitionHost): void {
    this.#host = host;
  }

  /** The lease is another one. */
  look(): void {
    this.#host?.lookAtLease();
  }

  /** A new identity, which the gate bears already: what there is of an older one ends, and nobody hears of it. */
  fence(identity: number): void {
    this.#identity = identity;
    const asks: number[] = this.#fencedAsks = [];
    this.look();
    this.#fencedAsks = undefined;
    for (const askId of asks) this.answer(askId, FENCED);
  }

  // --- what it is told ------------------------------------------------------------------------------

  begin(activation: Activation): void {
    this.#host?.abroad?.begin(activation);
  }

  stop(key: ActorKey, token: Version, word: StopWord): void {
    const host = this.#host;
    if (host === undefined) return;
    if (host.abroad?.isLive(key, token) === true) return host.abroad.stop(key, token, word);
    this.#options.owner.ended(MAIN, { key, token, reason: "not-found", items: [], letters: [], through: 0 });
  }

  flush(number: number, arrived: Arrived, { target, token }: FlushFrame): undefined {
    this.#host?.abroad?.flush(target as ActorKey, token, number, arrived);
  }

  deliver(number: number, arrived: Arrived, frame: UserFrame): undefined {
    const { token, actorKind, payload, remainingMs } = frame;
    const target = frame.target as ActorKey;
    const deadline = remainingMs === undefined ? undefined : after(arrived.at, remainingMs);
    this.#host?.abroad?.deliver({ target, token, actorKind, number, deadline, payload, origin: arrived });
  }

  answer(askId: number, outcome: LetterOutcome): void {
    this.#host?.abroad?.answered(askId, outcome);
  }

  open(key: ActorKey, token: Version, isOpen: boolean): void {
    if (isOpen) this.#host?.abroad?.open(key, token);
    else this.#host?.abroad?.keepClosed(key, token);
  }

  // --- what it says ---------------------------------------------------------------------------------

  #portOf(): ClusterPort {
    const tell = (input: NodeInput) => this.#ofActors((owner) => owner.tell(input));
    return {
      send: (letter) => this.#send(letter),
      abortAsk: (askId) => this.#options.owner.abortAsk(askId),
      answered: (origin, outcome) => tell({ kind: "answered", arrived: origin as Arrived, outcome }),
      refused: (origin, code, fate) => tell({ kind: "refused", arrived: origin as Arrived, code, fate }),
      flushReached: (origin) => tell({ kind: "flushReached", arrived: origin as Arrived }),
      started: (key, token, error) => tell({ kind: "started", key, token, error: error?.message }),
      wantsOpen: (key, token) => this.#ofActors((owner) => owner.wantsOpen(MAIN, key, token)),
      watch: (watcher, key, kind, isOn) => this.#ofActors((owner) => owner.watch(MAIN, watcher, key, kind, isOn)),
      ended: (remains) => this.#ended(remains),
    };
  }

  #ofActors(go: (owner: ThreadOwner) => void): void {
    const { lease, owner } = this.#options;
    if (lease.generation === this.#identity) go(owner);
    else this.strayCount++;
  }

  #send(letter: ClusterLetter): SendRefusal | undefined {
    const { lease, owner, isHeldBack } = this.#options;
    if (this.#fencedAsks !== undefined) {
      this.#fenced([letter]);
      return undefined;
    }
    if (letter.sender !== undefined && !lease.mayLeave()) return "lease-lost";
    if (isHeldBack(letter.target)) return "buffer-full";
    owner.send(MAIN, letter);
    return undefined;
  }

  #ended({ key, token, reason, origins, letters, through }: Remains): void {
    if (this.#fencedAsks !== undefined) return this.#fenced(letters);
    const items = origins as readonly Arrived[];
    this.#ofActors((owner) => owner.ended(MAIN, { key, token, reason, items, letters, through }));
  }

  /** What actors of an older identity would send once more goes nowhere; who waits for an answer has one. */
  #fenced(letters: readonly ClusterLetter[]): void {
    this.strayCount += letters.length;
    for (const { ask } of letters) if (ask !== undefined) this.#fencedAsks?.push(ask.id);
  }
}
