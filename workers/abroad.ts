/**
 * The clustered part of one host: which activations live here and under which token, what of their messages comes from
 * other nodes, and what leaves for them. Without a cluster a host has none of this, and pays for none of it. Mutable;
 * one per thread.
 *
 * One idea: an actor's key is *open* here only after whoever finds places says that nothing sent earlier from this
 * node is still on its way to it; until then even its neighbours' messages go out through the port and come back.
 *
 * Invariant: of every origin that was handed in, the port hears exactly once: handed back with its activation's end,
 * refused, answered (an ask), reached (a flush); a tell that runs is the one thing it hears nothing of.
 *
 * @module
 */
import { Cell } from "../core/cell.ts";
import { end, endFenced } from "../core/cell_life.ts";
import { offer } from "../core/cell_mailbox.ts";
import { decodeFromBytes, encodeToBytes, encodeToPassingBytes } from "../core/codec.ts";
import { Envelope, FLUSH } from "../core/envelope.ts";
import type { DeadLetterReason } from "../core/events.ts";
import {
  ActorError,
  decodeFailure,
  type FailureData,
  fromFailureData,
  toActorError,
  toFailureData,
} from "../core/failure.ts";
import type { ActorKey } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import type { StartReason, StopReason } from "../core/lifecycle.ts";
import { isGrainKey, isKey, rootOf } from "../core/names.ts";
import type { Courier, Target } from "../core/ref.ts";
import { ofMessage } from "../core/refused_value.ts";
import { type FencingToken, fencingToken } from "../core/store.ts";
import type {
  Activation,
  ActivationToken,
  Arrival,
  ClusterLetter,
  ClusterPort,
  LetterOutcome,
  Remains,
  SendRefusal,
} from "./cluster_port.ts";
import { type Absence, refused } from "./courier.ts";
import { ForeignAsk, NO_THREAD } from "./foreign_ask.ts";
import type { KindTable } from "./kind_table.ts";
import { decodeLetter, encodeLetter, type Letter, LETTER_ARGUMENTS } from "./letter.ts";
import { PendingAsk, type PendingAsks } from "./pending_asks.ts";
import { RefTarget } from "./ref_target.ts";
import type { Refs } from "./refs.ts";
import type { Reports } from "./reports.ts";

/** What {@link Abroad} is given by its host. */
export interface AbroadOptions {
  readonly port: ClusterPort;
  /** The store's number for this life of the cluster, known before the first activation: the first part of every token. */
  readonly generation: () => number;
  readonly kinds: KindTable;
  readonly refs: Refs;
  readonly courier: Courier;
  readonly asks: PendingAsks;
  readonly reports: Reports;
  readonly cells: ReadonlyMap<ActorKey, Cell>;
  /** Puts a cell in place; `heard` is told once whether its first life began. */
  readonly place: (
    kind: AnyKind,
    key: ActorKey,
    init: unknown,
    reason: StartReason,
    heard: (error: ActorError | undefined) => void,
  ) => Cell;
  /** Runs now, or when actors may run again. */
  readonly whenThawed: (go: () => void) => void;
  /** Bytes of one encoded message. At the limit: `message-too-large`. */
  readonly letterBytesMax: number;
}

/** Why an activation is told to end: it is given up, its node leaves, it goes on elsewhere, or has lost its right to run. */
export type StopWord = "released" | "stopping" | "moved" | "fenced";

/** What it hears of that, but for one that has lost its right: that one is told nothing more than it must do. */
const REASON_OF = { released: "stop", stopping: "system-stopping", moved: "moved" } as const;

/** An activation of this host. */
interface Live {
  readonly token: ActivationToken;
  readonly fence: FencingToken;
  readonly cell: Cell;
  isOpen: boolean;
  through: number;
  /** Messages of this thread that wait to hear whether it may be opened, in order; `undefined` while nobody was asked. */
  held: Held[] | undefined;
  /** Messages of this thread until that is asked. */
  asksIn: number;
}

/** A message that waits until its actor is opened. */
interface Held {
  readonly target: Target;
  readonly envelope: Envelope;
}

/** Messages that wait until one actor is opened. At the limit: `buffer-full`. */
const HELD_MAX = 1_024;
/** Messages to one actor of this thread that go round before the first question whether it may be opened, and the next. */
const FIRST_ASK_AFTER = 2;
const NEXT_ASK_AFTER = 64;

/** The clustered part of one host. */
export class Abroad {
  readonly #options: AbroadOptions;
  readonly #live = new Map<ActorKey, Live>();
  /** Where a message came from, for those that came from outside. */
  readonly #origins = new WeakMap<Envelope, { readonly origin: unknown }>();
  /** The ask whose answer is being taken: whoever gave it need not be told that nobody waits any more. */
  #answering: number | undefined = undefined;

  constructor(options: AbroadOptions) {
    this.#options = options;
    options.asks.forgotten = (askId) => {
      if (askId !== this.#answering) options.port.abortAsk(askId);
    };
  }

  /** The activations of this host with their tokens. */
  get activations(): readonly { readonly key: ActorKey; readonly token: ActivationToken }[] {
    return Array.from(this.#live, ([key, { token }]) => ({ key, token }));
  }

  /** Whether an activation of this token is here. */
  isLive(key: ActorKey, token: ActivationToken): boolean {
    return this.#find(key, token) !== undefined;
  }

  // --- told by the cluster ------------------------------------------------------------------------

  /** Begins an activation; the port hears whether it did. One of this key that is still here is ended first. */
  begin({ key, kind: name, token, init, isAgain }: Activation): void {
    const { kinds, refs, port, generation, place } = this.#options;
    const old = this.#live.get(key);
    if (old !== undefined && isSame(old.token, token)) return;
    if (old !== undefined) endFenced(old.cell); // ends at once, and says so
    try {
      const kind = kinds.named(name);
      if (kind === undefined) throw new ActorError("kind-unknown", `Cannot begin ${key}: there is no kind ${name}`);
      const made = init === undefined ? undefined : decodeFromBytes(init, refs);
      const heard = (error: ActorError | undefined) => port.started(key, token, error && dataOf(error));
      const reason = isAgain ? "worker-lost" : isGrainKey(key) ? "activation" : "spawn";
      const cell = place(kind, key, made, reason, heard);
      const fence = fencingToken(generation(), token.cfg, token.seq);
      const asksIn = FIRST_ASK_AFTER;
      this.#live.set(key, { token, fence, cell, isOpen: false, through: 0, held: undefined, asksIn });
    } catch (thrown) {
      port.started(key, token, dataOf(toActorError(thrown)));
      port.ended({ key, token, reason: "start-failed", origins: [], letters: [], through: 0 });
    }
  }

  /** Ends an activation; the port hears when it has. Nothing when there is none of this token. */
  stop(key: ActorKey, token: ActivationToken, word: StopWord): void {
    const live = this.#find(key, token);
    if (live === undefined) return;
    if (word === "fenced") endFenced(live.cell);
    else end(live.cell, REASON_OF[word]);
  }

  /** This identity of the process is over: everything that began under it ends, and sends nothing more. */
  fenceAll(): void {
    for (const { cell } of [...this.#live.values()]) endFenced(cell);
    this.#options.asks.beginLife();
  }

  /** Nothing that was sent from here to this key is still on its way: from now on messages go straight to it. */
  open(key: ActorKey, token: ActivationToken): void {
    const live = this.#find(key, token);
    if (live === undefined) return;
    live.isOpen = true;
    for (const { target, envelope } of takeHeld(live)) {
      const found = this.#options.cells.get(target.key) ?? "actor-not-found";
      const refusal = typeof found === "string" ? found : offer(found, envelope);
      if (refusal !== undefined) this.#lose(target, envelope, refused(found, target.key, envelope, refusal), refusal);
    }
  }

  /** Something is on its way to it still: messages go on to take the long way, those that wait first. */
  keepClosed(key: ActorKey, token: ActivationToken): void {
    const live = this.#find(key, token);
    if (live === undefined) return;
    this.#sendHeld(live);
    live.asksIn = NEXT_ASK_AFTER;
  }

  #sendHeld(live: Live): void {
    for (const { target, envelope } of takeHeld(live)) {
      const refusal = this.#options.port.send(this.#letterOf(target, envelope));
      if (refusal === undefined) continue;
      const error = new ActorError(refusal, `Cannot deliver to ${target.key}: ${refusal}`, {
        details: { to: target.key },
      });
      this.#lose(target, envelope, error, refusal);
    }
  }

  /** A message of this thread that was taken, and now cannot be delivered. */
  #lose({ kind, key }: Target, envelope: Envelope, error: ActorError, reason: DeadLetterReason): void {
    const { ask } = envelope;
    if (ask instanceof PendingAsk) this.#options.asks.reject(ask, error);
    this.#options.reports.deadLetter(kind, key, envelope, reason);
  }

  /** A message for an activation of this host: into the mailbox, or back through the port. */
  deliver(arrival: Arrival): void {
    const { target, token, number, origin } = arrival;
    const live = this.#find(target, token);
    if (live === undefined) return this.#handBack(arrival);
    live.through = number;
    let envelope: Envelope | undefined;
    try {
      const cell = this.#options.cells.get(target);
      if (cell !== undefined && cell.kind.name !== arrival.actorKind) throw ofAnotherKind(cell, arrival.actorKind);
      envelope = this.#envelopeOf(arrival);
      const found = cell?.kind.name === arrival.actorKind ? cell : "actor-not-found";
      const refusal = typeof found === "string" ? found : offer(found, envelope);
      if (refusal === undefined) return;
      if (typeof found !== "string") this.#options.reports.deadLetter(found.kind, target, envelope, refusal);
      throw refused(found, target, envelope, refusal);
    } catch (thrown) {
      const error = toActorError(thrown);
      if (envelope !== undefined) this.#origins.delete(envelope);
      if (arrival.deadline === undefined) this.#options.port.refused(origin, error.code, error.fate);
      else this.#options.port.answered(origin, { kind: "failed", failure: dataOf(error) });
    }
  }

  /** A flush for an activation of this host: takes its place behind everything that came before it. */
  flush(target: ActorKey, token: ActivationToken, number: number, origin: unknown): void {
    const live = this.#find(target, token);
    if (live === undefined) {
      return this.#options.port.ended(remainsOf(rootOf(target) as ActorKey, token, "stop", [origin], [], number));
    }
    live.through = number;
    const cell = this.#options.cells.get(target);
    // A child that is gone has nothing before it.
    if (cell === undefined || !cell.mailbox.push(new Envelope(FLUSH, [origin], undefined, undefined))) {
      return this.#options.port.flushReached(origin);
    }
    cell.port.wake(cell);
  }

  /** The answer to an ask of this host. */
  answered(askId: number, outcome: LetterOutcome): void {
    const { asks, whenThawed } = this.#options;
    // Who asks from outside of all actors is not held back with them.
    const soon = asks.find(askId)?.chain === undefined ? (go: () => void) => go() : whenThawed;
    soon(() => {
      this.#answering = askId;
      this.#settle(askId, outcome);
      this.#answering = undefined;
    });
  }

  #settle(askId: number, outcome: LetterOutcome): void {
    const { asks, reports, refs } = this.#options;
    const ask = asks.find(askId);
    if (ask === undefined) return reports.counters.deadLetter("reply-late");
    reports.counters.recordsReceived++;
    if (outcome.kind === "failed") {
      asks.reject(
        ask,
        outcome.failure.message === "" ? notDelivered(ask, outcome.failure) : failureOf(outcome.failure),
      );
      return;
    }
    try {
      asks.resolve(ask, decodeFromBytes(outcome.value, refs));
    } catch (cause) {
      asks.reject(ask, new ActorError("malformed-bytes", "Cannot read the reply", { fate: "delivered", cause }));
    }
  }

  // --- asked by the host --------------------------------------------------------------------------

  /** The cell that this thread may put messages into without asking anybody. */
  find(kind: AnyKind, key: ActorKey): Cell | Absence {
    // Children have routes of their own: what was sent to one of them may still be on its way when its root is open.
    const live = this.#live.get(key);
    if (live === undefined || !live.isOpen) return "abroad";
    const cell = this.#options.cells.get(key);
    return cell !== undefined && cell.kind === kind ? cell : "actor-not-found";
  }

  /** Sends a message to wherever its target lives; why it does not leave, if so. */
  send(target: Target, envelope: Envelope): SendRefusal | undefined {
    const own = this.#sibling(target, envelope.sender);
    if (own !== undefined && offer(own, envelope) === undefined) return undefined;
    const live = this.#live.get(target.key);
    if (live === undefined) return this.#options.port.send(this.#letterOf(target, envelope));
    return this.#sendNear(live, target, envelope);
  }

  /** To an actor of this very thread that isn't open yet. */
  #sendNear(live: Live, target: Target, envelope: Envelope): SendRefusal | undefined {
    const { port } = this.#options;
    if (live.held !== undefined) {
      if (live.held.length >= HELD_MAX) return "buffer-full";
      live.held.push({ target, envelope });
      return undefined;
    }
    const refusal = port.send(this.#letterOf(target, envelope));
    if (refusal !== undefined || port.wantsOpen === undefined || --live.asksIn > 0) return refusal;
    live.held = [];
    port.wantsOpen(live.cell.key, live.token);
    return undefined;
  }

  /** Answers an ask of another node. */
  reply(ask: ForeignAsk, value: unknown): void {
    this.#options.port.answered(ask.origin, this.#encoded(value));
  }

  /** Answers an ask of another node with a failure. */
  refuse(ask: ForeignAsk, error: ActorError): void {
    this.#options.port.answered(ask.origin, { kind: "failed", failure: dataOf(error) });
  }

  /** Where a message came from, if it came from outside. */
  originOf(envelope: Envelope): unknown {
    return this.#origins.get(envelope)?.origin;
  }

  /** The token of the activation that a cell belongs to. */
  tokenOf(cell: Cell): FencingToken | undefined {
    return this.#live.get(rootOf(cell.key) as ActorKey)?.fence;
  }

  /** A flush has come to the head of its mailbox. */
  flushReached({ args }: Envelope): void {
    this.#options.port.flushReached(args[0]);
  }

  /** A top-level cell has ended: what it had queued goes back to where it came from. */
  ended(cell: Cell, reason: StopReason): void {
    const { key } = cell;
    const live = this.#live.get(key);
    if (live === undefined || live.cell !== cell) return;
    this.#live.delete(key);
    this.#options.port.ended(this.#remains(live, cell, reason));
    this.#sendHeld(live); // Behind what comes back.
  }

  // ------------------------------------------------------------------------------------------------

  #find(key: ActorKey, token: ActivationToken): Live | undefined {
    const live = this.#live.get(rootOf(key) as ActorKey);
    return live !== undefined && isSame(live.token, token) ? live : undefined;
  }

  /** It came while its activation ended. */
  #handBack({ target, token, number, origin }: Arrival): void {
    this.#options.port.ended(remainsOf(rootOf(target) as ActorKey, token, "stop", [origin], [], number));
  }

  #envelopeOf({ target, deadline, payload, origin, number }: Arrival): Envelope {
    const { kinds, refs, cells, courier } = this.#options;
    const { handler, sender, chain, args, trace } = decodeLetter(payload, refs);
    const index = cells.get(target)?.kind.indexOf(handler);
    if (index === undefined) {
      throw new ActorError("handler-unknown", `Cannot deliver ${target}.${handler}: there is no such handler`);
    }
    const kind = sender === undefined ? undefined : kinds.named(sender.kind);
    const from = sender !== undefined && kind !== undefined && isKey(sender.key)
      ? new RefTarget(courier, kind, sender.key, NO_THREAD, undefined)
      : undefined;
    const ask = deadline === undefined ? undefined : new ForeignAsk(number, deadline, chain, origin);
    const envelope = new Envelope(index, args, from, ask, undefined, trace);
    this.#origins.set(envelope, { origin });
    return envelope;
  }

  /** The live actor of the sender's own activation: between those nothing is ever on its way elsewhere. */
  #sibling(target: Target, sender: Target | undefined): Cell | undefined {
    if (!(sender instanceof Cell) || rootOf(sender.key) !== rootOf(target.key)) return undefined;
    const cell = this.#options.cells.get(target.key);
    return cell !== undefined && cell.kind === target.kind && this.#live.get(rootOf(cell.key) as ActorKey) !== undefined
      ? cell
      : undefined;
  }

  #letterOf(target: Target, { handler, args, sender, ask, trace }: Envelope): ClusterLetter {
    const letter: Letter = {
      handler: target.kind.handlers[handler]?.name ?? "?",
      sender: sender && { kind: sender.kind.name, key: sender.key },
      chain: ask?.chain,
      args,
      trace,
    };
    return {
      target: target.key,
      actorKind: target.kind.name,
      sender: this.#senderOf(sender),
      ask: ask && { id: ask.id, deadline: ask.deadline },
      payload: this.#encodedLetter(letter, target),
    };
  }

  #encodedLetter(letter: Letter, { key }: Target): Uint8Array {
    try {
      return encodeLetter(letter, this.#options.refs, this.#options.letterBytesMax);
    } catch (thrown) {
      throw ofMessage(thrown, `${key}.${letter.handler}`, LETTER_ARGUMENTS);
    }
  }

  #senderOf(sender: Target | undefined): ClusterLetter["sender"] {
    const live = sender && this.#live.get(rootOf(sender.key) as ActorKey);
    return sender && live && { key: sender.key, token: live.token };
  }

  #encoded(value: unknown): LetterOutcome {
    try {
      return { kind: "ok", value: encodeToPassingBytes(value, this.#options.refs, this.#options.letterBytesMax) };
    } catch (thrown) {
      const cause = toActorError(thrown);
      const error = new ActorError("reply-cannot-travel", `Cannot send the reply: ${cause.message}`, {
        cause,
        details: cause.details,
      });
      return { kind: "failed", failure: dataOf(error) };
    }
  }

  #remains({ token, through }: Live, cell: Cell, reason: StopReason): Remains {
    const origins: unknown[] = [];
    const letters: ClusterLetter[] = [];
    for (let left = cell.mailbox.shift(); left !== undefined; left = cell.mailbox.shift()) {
      if (left.handler === FLUSH) origins.push(left.args[0]);
      const known = this.#origins.get(left);
      if (known !== undefined) origins.push(known.origin);
      else if (left.handler >= 0 && left.timer === undefined) this.#collect(cell, left, letters);
    }
    return remainsOf(cell.key, token, reason, origins, letters, through);
  }

  /** A message of this thread that lay in the mailbox by reference becomes a letter. */
  #collect(cell: Cell, envelope: Envelope, letters: ClusterLetter[]): void {
    const { ask } = envelope;
    try {
      if (ask instanceof PendingAsk) this.#options.asks.sendAbroad(ask);
      letters.push(this.#letterOf(cell, envelope));
    } catch (thrown) {
      if (ask instanceof PendingAsk) this.#options.asks.reject(ask, toActorError(thrown));
      this.#options.reports.deadLetter(cell.kind, cell.key, envelope, "actor-stopped");
    }
  }
}

function takeHeld(live: Live): readonly Held[] {
  const held = live.held ?? [];
  live.held = undefined;
  return held;
}

function isSame(one: ActivationToken, other: ActivationToken): boolean {
  return one.cfg === other.cfg && one.seq === other.seq;
}

function remainsOf(
  key: ActorKey,
  token: ActivationToken,
  reason: StopReason,
  origins: readonly unknown[],
  letters: readonly ClusterLetter[],
  through: number,
): Remains {
  return { key, token, reason, origins, letters, through };
}

/** A failure as plain data: details that cannot travel stay at home. */
function dataOf(error: ActorError): FailureData {
  const data = toFailureData(error);
  try {
    const copy = decodeFailure(decodeFromBytes(encodeToBytes(data)));
    if (copy !== undefined) return copy;
  } catch {
    // Details may hold anything a user put there; code, text and fate always travel.
  }
  return { code: error.code, message: error.message, fate: error.fate, details: {} };
}

function ofAnotherKind({ key, kind }: Cell, asked: string): ActorError {
  return new ActorError("actor-not-found", `Cannot deliver to ${key}: it is a ${kind.name}, not a ${asked}`, {
    details: { to: key },
  });
}

/** What became of a message on its way, in words: the router only has a code for it. */
const WAY_WORDS: Readonly<Record<string, string>> = {
  "actor-not-found": "no actor has this name",
  "ask-timeout": "no reply in time",
  "no-eligible-node": "no node has its role and its kind",
  "barrier-timeout": "the cluster is not as large as grains need it",
  "relocation-timeout": "it was nowhere for too long",
  "buffer-full": "too many messages wait for it, or for its node",
  "message-too-large": "it is larger than its node takes",
  "node-lost": "its node was removed from the cluster",
  "link-lost": "the link to its node broke",
  "lease-lost": "this node's lease is out",
  "fenced": "this node was removed from the cluster",
};

function notDelivered({ subject: { to, handler, waitingIn } }: PendingAsk, { code, fate }: FailureData): ActorError {
  const where = waitingIn === undefined ? "" : `, waiting in ${waitingIn}`;
  return new ActorError(code, `Cannot deliver ${to}.${handler}: ${WAY_WORDS[code] ?? code}${where}`, {
    fate,
    details: { to, handler, ...(waitingIn === undefined ? {} : { waitingIn }) },
  });
}

function failureOf(data: FailureData): ActorError {
  return fromFailureData(decodeFailure(data) ?? { code: "malformed-bytes", message: "", fate: "unknown", details: {} });
}
