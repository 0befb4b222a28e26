/**
 * What the refs of one thread send, and what becomes of it: straight into a mailbox of this thread by
 * reference, or into the lane of the thread that runs the actor. Also the answers: every ask ends here,
 * exactly once. Touches promises; mutable; one per thread.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { Cell } from "../core/cell.ts";
import { offer, type Refusal, refusalError } from "../core/cell_mailbox.ts";
import { type AskHeader, chainPath, Envelope } from "../core/envelope.ts";
import { ActorError, toActorError } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import { type ActorKey, after, type Instant, type ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { WAIT_MS_MAX } from "../core/limits.ts";
import type { Courier, Target, WaitOptions } from "../core/ref.ts";
import type { Abroad } from "./abroad.ts";
import type { SendRefusal } from "./cluster_port.ts";
import { ForeignAsk } from "./foreign_ask.ts";
import type { Outbound } from "./outbox.ts";
import { PendingAsk, type PendingAsks } from "./pending_asks.ts";
import type { Reports } from "./reports.ts";
import type { Scope } from "./scope.ts";

/** What {@link ThreadCourier} is given. */
export interface CourierOptions {
  readonly system: string;
  readonly thread: ThreadIndex;
  readonly askTimeoutMs: number;
  /** Where this life of the thread begins to number its asks: a late reply to an earlier life finds none. */
  readonly firstInvocation: number;
  readonly scope: Scope;
  readonly asks: PendingAsks;
  readonly reports: Reports;
  readonly now: () => Instant;
  readonly outbound: () => Outbound | undefined;
  /** The way to other nodes, when this thread's actors live in a cluster. */
  readonly abroad: () => Abroad | undefined;
  /** The live cell of a key of this thread; a grain is activated. The reason when there is none. */
  readonly find: (kind: AnyKind, key: ActorKey) => Cell | Absence;
  /** Something was sent that the end of a turn must publish. */
  readonly request: () => void;
}

/** Why there is no actor to deliver to: nowhere, not any more, or not here. */
export type Absence = "actor-not-found" | "system-stopping" | "abroad";

/** Why nobody is there at all. */
type Missing = Exclude<Absence, "abroad">;

/** What refs may still send: everything, only what actors send, or nothing. */
export type Gate = "open" | "draining" | "closed";

/** The courier of one thread. */
export class ThreadCourier implements Courier {
  gate: Gate = "open";
  readonly #options: CourierOptions;
  readonly #thread: ThreadIndex;
  readonly #scope: Scope;
  readonly #asks: PendingAsks;
  readonly #reports: Reports;
  #askId: number;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#thread = options.thread;
    this.#scope = options.scope;
    this.#asks = options.asks;
    this.#reports = options.reports;
    this.#askId = options.firstInvocation;
  }

  tell(target: Target, handler: number, args: readonly unknown[], named?: string): boolean {
    const current = this.#scope.current();
    const sender = current?.cell;
    const trace = named ?? current?.envelope?.trace;
    if (this.gate !== "open" && this.#isShut(sender)) return this.#refuseTell(target, handler, args);
    if (target.thread === this.#thread) {
      return this.#tellHere(target, new Envelope(handler, args, sender, undefined, undefined, trace));
    }
    const isTaken = this.#abroad().send(target, handler, args, sender, undefined, trace);
    if (isTaken) this.#reports.counters.recordsSent++;
    else this.#reports.counters.tellsRefused++;
    this.#options.request();
    return isTaken;
  }

  ask(target: Target, handler: number, args: readonly unknown[], wait: WaitOptions | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const caller = this.#scope.current();
      if (this.gate !== "open" && this.#isShut(caller?.cell)) throw systemStopping(target.key);
      const ask = this.#pending(
        caller,
        wait,
        target.thread,
        target.key,
        target.kind.handlers[handler]?.name ?? "?",
        resolve,
        reject,
      );
      this.#asks.add(ask, wait?.signal);
      this.#reports.counters.asks++;
      try {
        const trace = wait?.trace ?? caller?.envelope?.trace;
        if (target.thread === this.#thread) {
          this.#askHere(target, new Envelope(handler, args, caller?.cell, ask, undefined, trace), ask);
        } else this.#askAbroad(target, handler, args, caller?.cell, ask, trace);
      } catch (thrown) {
        this.#asks.reject(ask, toActorError(thrown));
      }
    });
  }

  settleAll(asks: readonly Promise<unknown>[]): Promise<PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(asks);
  }

  rejected(error: ActorError): Promise<never> {
    return Promise.reject(error);
  }

  addressOf(target: Target): string {
    return `troupe://${this.#options.system}/${target.key}`;
  }

  /** Asks a thread to do something, by `send`; settles as it answers. */
  operate(
    thread: ThreadIndex,
    name: string,
    wait: WaitOptions | undefined,
    send: (ask: AskHeader) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ask = this.#pending(undefined, wait, thread, `thread ${thread}`, name, resolve, reject);
      this.#asks.add(ask, wait?.signal);
      try {
        send(ask);
      } catch (thrown) {
        this.#asks.reject(ask, toActorError(thrown));
      }
      this.#options.request();
    });
  }

  /** A message has come from another thread: a refusal is answered and is a dead letter here. */
  deliver(kind: AnyKind, key: ActorKey, envelope: Envelope, from: ThreadIndex): void {
    this.#reports.counters.recordsReceived++;
    const found = this.#options.find(kind, key);
    const refusal = typeof found === "string" ? notFound(found) : offer(found, envelope);
    if (refusal === undefined) return;
    this.#options.outbound()?.countRefused(from);
    if (envelope.ask !== undefined) this.refuse(envelope.ask, refused(found, key, envelope, refusal));
    this.#reports.deadLetter(kind, key, envelope, refusal);
  }

  /** Answers an ask. */
  reply(ask: AskHeader, value: unknown): void {
    if (ask instanceof PendingAsk) {
      if (!this.#asks.resolve(ask, value)) this.#reports.counters.deadLetter("reply-late");
    } else if (ask instanceof ForeignAsk) {
      this.#nodes().reply(ask, value);
    } else {
      this.#reports.counters.recordsSent++;
      this.#abroad().reply(ask, value);
    }
  }

  /** Answers an ask with a failure. */
  refuse(ask: AskHeader, error: ActorError): void {
    if (ask instanceof PendingAsk) {
      this.#asks.reject(ask, error);
    } else if (ask instanceof ForeignAsk) {
      this.#nodes().refuse(ask, error);
    } else {
      this.#reports.counters.recordsSent++;
      this.#abroad().refuse(ask, error);
    }
  }

  #tellHere(target: Target, envelope: Envelope): boolean {
    this.#reports.counters.messagesLocal++;
    const found = this.#cellOf(target);
    const refusal = typeof found === "string" ? found : offer(found, envelope);
    if (refusal === undefined) return true;
    if (refusal === "abroad") return this.#tellNode(target, envelope);
    this.#reports.counters.tellsRefused++;
    // A full mailbox is the sender's to deal with: it is told. The other reasons are told to nobody else.
    if (refusal !== "mailbox-full") this.#reports.deadLetter(target.kind, target.key, envelope, refusal);
    return false;
  }

  #askHere(target: Target, envelope: Envelope, ask: PendingAsk): void {
    this.#reports.counters.messagesLocal++;
    const found = this.#cellOf(target);
    const refusal = typeof found === "string" ? found : offer(found, envelope);
    if (refusal === "abroad") return this.#askNode(target, envelope, ask);
    if (refusal !== undefined) this.#asks.reject(ask, refused(found, target.key, envelope, refusal));
  }

  /** To whichever node the actor lives on. */
  #tellNode(target: Target, envelope: Envelope): boolean {
    this.#reports.counters.messagesLocal--;
    const refusal = this.#nodes().send(target, envelope);
    if (refusal === undefined) this.#reports.counters.recordsSent++;
    else this.#reports.counters.tellsRefused++;
    this.#options.request();
    return refusal === undefined;
  }

  #askNode(target: Target, envelope: Envelope, ask: PendingAsk): void {
    this.#reports.counters.messagesLocal--;
    this.#asks.sendAbroad(ask);
    const refusal = this.#nodes().send(target, envelope);
    if (refusal === undefined) this.#reports.counters.recordsSent++;
    else this.#asks.reject(ask, notSent(refusal, ask, target));
    this.#options.request();
  }

  #askAbroad(
    target: Target,
    handler: number,
    args: readonly unknown[],
    sender: Cell | undefined,
    ask: PendingAsk,
    trace: string | undefined,
  ): void {
    const isTaken = this.#abroad().send(target, handler, args, sender, ask, trace);
    this.#options.request();
    if (isTaken) this.#reports.counters.recordsSent++;
    else this.#asks.reject(ask, laneFull(ask, target));
  }

  #cellOf(target: Target): Cell | Absence {
    const { cell } = target;
    if (cell instanceof Cell && cell.status !== "stopped") return cell;
    const found = this.#options.find(target.kind, target.key);
    target.cell = typeof found === "string" ? undefined : found;
    return found;
  }

  #pending(
    caller: HandlerContext | undefined,
    wait: WaitOptions | undefined,
    askedThread: ThreadIndex,
    to: string,
    handler: string,
    resolve: (value: unknown) => void,
    reject: (error: ActorError) => void,
  ): PendingAsk {
    const asked = this.#options.now();
    const own = after(asked, waitMsOf(wait, this.#options.askTimeoutMs));
    const inherited = caller?.ask?.deadline;
    return new PendingAsk({
      asks: this.#asks,
      id: ++this.#askId,
      thread: this.#thread,
      askedThread,
      deadline: inherited !== undefined && inherited < own ? inherited : own,
      askedMs: asked,
      chain: caller?.chain,
      subject: { to, handler, waitingIn: caller === undefined ? undefined : `${caller.key}.${caller.handler}` },
      resolve,
      reject,
    });
  }

  #isShut(sender: Cell | undefined): boolean {
    return this.gate === "closed" || sender === undefined;
  }

  #refuseTell(target: Target, handler: number, args: readonly unknown[]): boolean {
    this.#reports.counters.tellsRefused++;
    this.#reports.deadLetter(
      target.kind,
      target.key,
      new Envelope(handler, args, undefined, undefined),
      "system-stopping",
    );
    return false;
  }

  #nodes(): Abroad {
    const abroad = this.#options.abroad();
    assert(abroad !== undefined, "only a clustered host sends to other nodes, and hears from them");
    return abroad;
  }

  #abroad(): Outbound {
    const outbound = this.#options.outbound();
    assert(outbound !== undefined, "a system with one thread sends to no other");
    return outbound;
  }
}

/** The failure of whoever would begin something while the system stops. */
export function systemStopping(key: ActorKey): ActorError {
  return new ActorError("system-stopping", `Cannot deliver to ${key}: the system is stopping`, {
    details: { to: key },
  });
}

function waitMsOf(wait: WaitOptions | undefined, defaultMs: number): number {
  const waitMs = wait?.timeoutMs ?? defaultMs;
  if (waitMs > 0 && waitMs <= WAIT_MS_MAX) return waitMs;
  throw new ActorError("not-supported", `Cannot wait ${waitMs} ms: a wait is over 0 ms and at most a day`);
}

/** What another thread sent to this one is for an actor of this one. */
function notFound(absence: Absence): Missing {
  return absence === "abroad" ? "actor-not-found" : absence;
}

/** The failure of an ask that no mailbox took. */
export function refused(
  found: Cell | Absence,
  key: ActorKey,
  envelope: Envelope,
  refusal: Refusal | Missing,
): ActorError {
  if (refusal === "system-stopping") return systemStopping(key);
  if (refusal === "actor-not-found" || typeof found === "string") {
    return new ActorError("actor-not-found", `Cannot deliver: there is no actor ${key} of this kind`, {
      details: { to: key },
    });
  }
  return refusalError(found, envelope, refusal, chainPath(envelope.ask?.chain));
}

/** The failure of an ask that did not leave this node. */
function notSent(refusal: SendRefusal, ask: PendingAsk, target: Target): ActorError {
  switch (refusal) {
    case "system-stopping":
      return systemStopping(target.key);
    case "lane-full":
      return laneFull(ask, target);
    case "buffer-full":
      return new ActorError(
        "buffer-full",
        `Cannot deliver ${ask.subject.to}.${ask.subject.handler}: too many messages wait for it, or for its node`,
        { details: { to: target.key } },
      );
    case "lease-lost":
      return new ActorError("lease-lost", `Cannot deliver to ${target.key}: this node's lease is out`, {
        details: { to: target.key },
      });
    default:
      return refusal satisfies never;
  }
}

function laneFull({ subject }: PendingAsk, { key, thread }: Target): ActorError {
  return new ActorError(
    "lane-full",
    `Cannot deliver ${subject.to}.${subject.handler}: the lane to its thread is full`,
    {
      details: { to: key, thread },
    },
  );
}
