/**
 * The activations of a clustered node, of all its threads: what each was given, and what the machine is to hear when it
 * ends. Pure; mutable; the main thread's.
 *
 * One idea: what the router has given comes back, or has run, in any order and by many records; a number says how far.
 * Only when an activation has ended and all it was given has been seen is nothing of it left.
 *
 * Invariant: of each activation the router hears at last that everything it gave was seen, and once that it ended; also
 * when something was on its way to it that came too late.
 *
 * @module
 */
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { StopReason } from "../core/lifecycle.ts";
import type { NodeInput } from "../cluster/cluster_node.ts";
import type { Version } from "../cluster/engine.ts";
import { activationName, ActivationTable } from "./activation_table.ts";
import type { Remaining } from "./thread_end.ts";
import { bounceOf } from "./thread_words.ts";

/** An activation that ends for these was not obeying, though it was told to end at the same time. */
const ENDS_OF_ITS_OWN: ReadonlySet<StopReason> = new Set([
  "passivated",
  "failed",
  "restart-budget-spent",
  "start-failed",
]);

/** What is to begin here. */
export interface Beginning {
  readonly key: ActorKey;
  readonly token: Version;
  readonly thread: ThreadIndex;
  readonly kind: string;
  /** Kept to begin it again should its worker die; `undefined` for grains, which come back by themselves. */
  readonly init: Uint8Array | undefined;
}

/** An activation that was begun here, as others see it. */
export interface Given extends Beginning {
  /** The last number the router gave. */
  readonly last: number;
  /** The last number its thread took: to be set by whoever gives it. */
  offered: number;
  /** It has ended, and something of what its thread was given is still on the way there. */
  readonly isOver: boolean;
}

interface Entry extends Given {
  last: number;
  isOver: boolean;
  /** Of what it ended, once it has. Its thread has forgotten it by then, and would say the same of everything that comes late. */
  endedOf: StopReason | undefined;
}

/** What the machine is to hear of an end, in this order; what is sent on comes in between. */
export interface Ending {
  readonly handedBack: NodeInput;
  /** `undefined` when it has heard that. */
  readonly end: NodeInput | undefined;
  /** Whether nothing is on its way any more. Why it ended is remembered until {@link GivenActivations.forget}. */
  readonly isAll: boolean;
}

/** See the module. */
export class GivenActivations {
  readonly #entries = new ActivationTable<Entry>();
  /** Those that were told to end. */
  readonly #stops = new Set<string>();
  /** Of what those ended that have nothing left, until the router knows that. */
  readonly #endings = new Map<string, StopReason>();

  /** Those that have not ended, in no particular order. */
  get live(): readonly Given[] {
    return this.#entries.values().filter(({ isOver }) => !isOver);
  }

  /** Those of one thread, also of which something is still on the way. */
  on(thread: ThreadIndex): readonly Given[] {
    return this.#entries.values().filter((entry) => entry.thread === thread);
  }

  /** Forgets all. */
  clear(): void {
    this.#entries.clear();
    this.#stops.clear();
    this.#endings.clear();
  }

  /** One begins. */
  begin({ key, token, thread, kind, init }: Beginning): void {
    this.#entries.set({ key, token, thread, kind, init, last: 0, offered: 0, isOver: false, endedOf: undefined });
  }

  /** One is told to end. */
  stop(key: ActorKey, token: Version): void {
    this.#stops.add(activationName(key, token));
  }

  /** Whether it was told to, and has not. */
  isStopping(key: ActorKey, token: Version): boolean {
    return this.#stops.has(activationName(key, token));
  }

  /** The router gives one something, by this number. */
  next(key: ActorKey, token: Version, thread: ThreadIndex, number: number): Given {
    const entry = this.#entries.get(key, token) ?? this.#late(key, token, thread);
    entry.last = number;
    return entry;
  }

  /** It has ended, and the router did not know yet: it hears when this too has come back. */
  #late(key: ActorKey, token: Version, thread: ThreadIndex): Entry {
    const endedOf = this.#endings.get(activationName(key, token));
    const entry = { key, token, thread, kind: "", init: undefined, last: 0, offered: 0, isOver: true, endedOf };
    this.#entries.set(entry);
    return entry;
  }

  /** One has ended, or something came back of one that had. */
  ended({ key, token, reason, items, through }: Remaining): Ending {
    const name = activationName(key, token);
    const entry = this.#entries.get(key, token);
    const wasOver = entry?.isOver === true;
    const wasTold = this.#stops.delete(name) && !ENDS_OF_ITS_OWN.has(reason);
    const isAll = entry === undefined || through >= entry.offered;
    // What was refused for want of room is not on its way, so nothing after it is to be waited for.
    const seen = entry !== undefined && isAll ? entry.last : through;
    const endedOf = entry?.endedOf ?? reason;
    if (isAll) {
      this.#entries.delete(key, token);
      this.#endings.set(name, endedOf);
    } else {
      entry.isOver = true;
      entry.endedOf = endedOf;
    }
    const end: NodeInput = wasTold
      ? { kind: "stoppedFor", key, token, snapshot: undefined }
      : { kind: "ended", key, token };
    return {
      handedBack: {
        kind: "handedBack",
        key,
        token,
        items,
        through: seen,
        reason: bounceOf(key, endedOf),
        hint: undefined,
      },
      end: wasOver ? undefined : end,
      isAll,
    };
  }

  /** The router knows of an end, and gives it nothing more. */
  forget(key: ActorKey, token: Version): void {
    this.#endings.delete(activationName(key, token));
  }
}
