/**
 * Discovery by NATS: the nodes of a cluster share a subject, and whoever asks on it is answered by all who are there. An
 * entry of its own, `./nats`. Runs on the main thread; touches a connection and timers.
 *
 * One idea: nothing is stored. A node is registered while its subscription stands, so a node that dies is forgotten with
 * its connection, and there is no list that could be old.
 *
 * What is said is in `nats_messages.ts`, who says when in `nats_peer.ts`, the connection in `nats_connection.ts`.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { Msg, Status, Subscription } from "@nats-io/transport-node";
import { OptionsCheck } from "../core/options_check.ts";
import type { Log } from "../core/ports.ts";
import { connectNats, type NatsLink } from "./nats_connection.ts";
import { type NatsDiscoveryOptions, type NatsSettings, natsSettingsOf, subjectOf } from "./nats_options.ts";
import {
  answersSubject,
  beginFind,
  createNatsPeer,
  dropFind,
  failFinds,
  heardAnswer,
  heardQuestion,
  type NatsEffect,
  type NatsPeer,
  nextDueMs,
  tickNatsPeer,
} from "./nats_peer.ts";
import type { Discovery, DiscoveryContext, DiscoveryProvider, Wait } from "./provider.ts";
import { bounded, discoveryFailed, type Outside, platformOutside, reasonOf, untilAborted } from "./waiting.ts";

export type { Discovery, DiscoveryContext, DiscoveryProvider, Wait } from "./provider.ts";
export type { NatsDiscoveryOptions, NatsTlsOptions } from "./nats_options.ts";

/**
 * Finds the nodes that are connected to the same NATS servers and share a subject. It needs the package
 * `@nats-io/transport-node`, which is loaded when it is opened.
 *
 * A node is found from when its `open` has resolved until it closes or its connection is gone. The SDK connects anew by
 * itself; until then finds fail. So does a find that doesn't hear this node's own answer: what it would give might not be
 * everybody.
 *
 * @example
 * ```ts
 * import { natsDiscovery } from "./nats.ts";
 *
 * const discovery = natsDiscovery({ servers: "nats://127.0.0.1:4222" });
 * console.log(discovery.check?.problems); // []
 * ```
 */
export function natsDiscovery(options: NatsDiscoveryOptions): DiscoveryProvider {
  const check = new OptionsCheck();
  const settings = natsSettingsOf(options, check);
  return { kind: "nats", check, open: (context) => open(settings, context, platformOutside) };
}

const FIND = "find nodes by nats";
/** What is published without a connection is lost: a find fails at once, for nobody would answer. */
const LOST = "the connection is lost, and being made anew";

async function open(settings: NatsSettings, context: DiscoveryContext, outside: Outside): Promise<Discovery> {
  const { system, self, log, wait } = context;
  const bound = { what: "open discovery by nats", timeoutMs: wait.timeoutMs, signals: [wait.signal], outside };
  return await bounded(bound, async (wait) => {
    let discovery: NatsDiscovery | undefined = undefined;
    const hear = (status: Status): void => discovery?.hear(status);
    const link = await connectNats(settings, `troupe ${system} ${self}`, wait, outside, hear);
    const token = randomUUID().replaceAll("-", "");
    const peer = createNatsPeer({ system, self, subject: settings.subject ?? subjectOf(system), token });
    discovery = new NatsDiscovery(link, peer, settings.timeoutMs, log, outside);
    try {
      await discovery.register(wait.signal);
      return discovery;
    } catch (thrown) {
      link.leave().catch(() => {});
      throw thrown;
    }
  });
}

interface Waiting {
  resolve(addresses: readonly string[]): void;
  reject(error: unknown): void;
}

class NatsDiscovery implements Discovery {
  readonly #link: NatsLink;
  readonly #peer: NatsPeer;
  readonly #timeoutMs: number;
  readonly #log: Log;
  readonly #outside: Outside;
  readonly #waiting = new Map<string, Waiting>();
  #subscriptions: readonly Subscription[] = [];
  #refusal: Error | undefined;
  #isTroubleTold = false;
  #cancelTimer = (): void => {};
  #finds = 0;
  #reconnects = 0;

  constructor(link: NatsLink, peer: NatsPeer, timeoutMs: number, log: Log, outside: Outside) {
    this.#link = link;
    this.#peer = peer;
    this.#timeoutMs = timeoutMs;
    this.#log = log;
    this.#outside = outside;
  }

  /** Resolves when the server knows of the subscriptions. */
  async register(signal: AbortSignal): Promise<void> {
    const { connection } = this.#link;
    const { identity } = this.#peer;
    this.#subscriptions = [
      this.#subscribe(
        identity.subject,
        (now, out, { data, reply }) => heardQuestion(this.#peer, data, reply, now, out),
      ),
      this.#subscribe(answersSubject(identity), (now, out, { data }) => heardAnswer(this.#peer, data, now, out)),
    ];
    await untilAborted(connection.flush(), signal);
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  async find({ timeoutMs, signal }: Wait): Promise<readonly string[]> {
    if (!this.#link.isConnected) throw discoveryFailed(FIND, LOST);
    const find = String(++this.#finds);
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    this.#waiting.set(find, { resolve, reject });
    try {
      this.#run((now, out) => beginFind(this.#peer, find, Math.min(this.#timeoutMs, timeoutMs), now, out));
      return await untilAborted(promise, signal);
    } finally {
      this.#waiting.delete(find);
      this.#run(() => dropFind(this.#peer, find));
    }
  }

  async close(timeoutMs: number): Promise<void> {
    this.#run((_now, out) => failFinds(this.#peer, "discovery is closed", out));
    for (const subscription of this.#subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
    if (this.#link.isConnected) {
      // Once the server has answered, nobody finds this node any more. A part of the time is for letting go.
      const bound = { what: "deregister", timeoutMs: timeoutMs / 2, signals: [], outside: this.#outside };
      await bounded(bound, () => this.#link.connection.flush()).catch(() => {});
    }
    await this.#link.leave();
  }

  counts(): Readonly<Record<string, number>> {
    return { ...this.#peer.counts, reconnects: this.#reconnects };
  }

  /** What has become of the connection. */
  hear(status: Status): void {
    switch (status.type) {
      case "disconnect":
        this.#log.warn("discovery has lost its NATS server", { server: status.server });
        return this.#failFinds(LOST);
      case "reconnect":
        this.#reconnects++;
        this.#isTroubleTold = false;
        return this.#log.info("discovery has a NATS server again", { server: status.server });
      case "close":
        return this.#failFinds("the connection is closed");
      case "error":
        return this.#hearTrouble(status.error);
      default:
        return;
    }
  }

  /** An error that the server reports: of permissions, or of credentials while the connection is made anew. */
  #hearTrouble(error: Error): void {
    // It comes with every question that can't be answered: said once for each connection.
    if (!this.#isTroubleTold) this.#log.warn("a NATS server refuses what discovery does", { reason: error.message });
    this.#isTroubleTold = true;
    const { subject } = this.#peer.identity;
    if ("subject" in error && error.subject === subject) this.#failFinds(error.message);
  }

  #subscribe(subject: string, heard: (now: number, out: NatsEffect[], message: Msg) => void): Subscription {
    const callback = (error: Error | null, message: Msg): void => {
      if (error === null) this.#run((now, out) => heard(now, out, message));
      else this.#refusal = error;
    };
    return this.#link.connection.subscribe(subject, { callback });
  }

  #failFinds(reason: string): void {
    this.#run((_now, out) => failFinds(this.#peer, reason, out));
  }

  /** Lets the peer decide, does what it wants done, and wakes it when it is next due. */
  #run(decide: (nowMs: number, out: NatsEffect[]) => void): void {
    const out: NatsEffect[] = [];
    decide(this.#outside.now(), out);
    for (const effect of out) this.#perform(effect);
    this.#cancelTimer();
    const dueMs = nextDueMs(this.#peer);
    if (dueMs === undefined) return;
    const waitMs = Math.max(0, dueMs - this.#outside.now());
    this.#cancelTimer = this.#outside.later(waitMs, () => {
      this.#run((now, out) => tickNatsPeer(this.#peer, now, out));
    });
  }

  #perform(effect: NatsEffect): void {
    const { subject } = this.#peer.identity;
    switch (effect.kind) {
      case "ask":
        return this.#publish(subject, effect.bytes, answersSubject(this.#peer.identity));
      case "answer":
        return this.#publish(effect.subject, effect.bytes);
      case "found":
        return this.#waiting.get(effect.find)?.resolve(effect.addresses);
      case "failed":
        return this.#waiting.get(effect.find)?.reject(discoveryFailed(FIND, effect.reason));
      case "odd":
        return this.#log.warn("discovery ignores what it hears", { reason: effect.what });
      default:
        return effect satisfies never;
    }
  }

  /** A connection that is closed takes nothing. One that is lost takes it and loses it; its end fails the finds. */
  #publish(subject: string, bytes: Uint8Array, reply?: string): void {
    try {
      this.#link.connection.publish(subject, bytes, reply === undefined ? {} : { reply });
    } catch (thrown) {
      this.#failFinds(reasonOf(thrown));
    }
  }
}
