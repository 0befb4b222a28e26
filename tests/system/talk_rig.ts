/**
 * The systems of some nodes over links that a test makes and cuts: real hosts, a registry that is a table, words that cross
 * when the test says so, and time that passes by hand.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { View } from "../../cluster/view.ts";
import { ActorError } from "../../core/failure.ts";
import { type ActorKey, epoch, instant, type NodeId, nodeId, type ThreadIndex } from "../../core/ids.ts";
import { type AnyKind, type Kind, kind } from "../../core/kind.ts";
import { seededRandom } from "../../core/random.ts";
import type { ActorRef } from "../../core/ref.ts";
import { topic } from "../../core/topic.ts";
import { PeerTalk } from "../../system/peer_talk.ts";
import { decodePeerWord, type PeerWord } from "../../system/peer_words.ts";
import type { StopWord } from "../../workers/abroad.ts";
import { KindTable } from "../../workers/kind_table.ts";
import { encodeLetter } from "../../workers/letter.ts";
import type { Outbound } from "../../workers/outbox.ts";
import { PartitionHost } from "../../workers/partition_host.ts";
import type { Notice } from "../../workers/worker_protocol.ts";
import { founded } from "../cluster/view_values.ts";

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const MAIN = 0 as ThreadIndex;

/** A topic of numbers. */
export const Prices = topic<number>("prices");

/** What happened to the actors of all nodes, in order. */
export class Story {
  readonly lines: string[] = [];

  /** Watches, subscribes and publishes as it is told. */
  readonly Watcher = kind("watcher", {
    state: () => undefined,
    onTerminated: (ctx, ref, reason) => {
      this.lines.push(`${ctx.key} hears ${ref.key} ${reason}`);
    },
    handlers: {
      watch: (ctx, name: string): void => ctx.watch(ctx.actor(this.Plain, name)),
      watchGrain: (ctx, name: string): void => ctx.watch(ctx.grain(this.Plain, name)),
      unwatch: (ctx, name: string): void => ctx.unwatch(ctx.actor(this.Plain, name)),
      subscribe: (ctx): void => ctx.subscribe(Prices, "price"),
      unsubscribe: (ctx): void => ctx.unsubscribe(Prices),
      publish: (ctx, value: number): void => ctx.publish(Prices, value),
      price: (ctx, value: number): void => {
        this.lines.push(`${ctx.key} ${value}`);
      },
    },
  });

  readonly Plain = kind("plain", { handlers: { leave: (ctx): void => ctx.stop() } });
}

/** Everything. */
export class TalkRig {
  readonly story = new Story();
  readonly nodes: readonly TalkNode[];
  /** Who the registry says has a key; `undefined` is nobody, `"?"` cannot be said. */
  readonly registry = new Map<string, string>();
  /** How often it was asked. */
  lookups = 0;
  nowMs = 1_000;
  /** What was said and has not arrived. */
  readonly wire: { readonly from: TalkNode; readonly to: TalkNode; readonly bytes: Uint8Array }[] = [];
  /** Every word that was said, as `a>b kind …`. */
  readonly said: string[] = [];
  /** The kinds of words that must not be lost while a link lasts, and of those that may. */
  readonly owed = new Set<string>();
  readonly refusable = new Set<string>();
  readonly waits = new Set<{ readonly dueMs: number; readonly go: () => void }>();
  readonly #links = new Set<string>();
  #view: View;

  constructor(names = "a b c") {
    this.#view = founded(names);
    this.nodes = names.split(" ").map((name) => new TalkNode(this, name));
    for (const node of this.nodes) node.talk.viewInstalled(this.#view);
    for (const [index, one] of this.nodes.entries()) {
      for (const other of this.nodes.slice(index + 1)) this.link(one.id, other.id);
    }
  }

  node(name: string): TalkNode {
    const node = this.nodes.find(({ id }) => id === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** A link is made, or made anew. */
  link(one: string, other: string): void {
    this.#links.add(nameOf(one, other));
    this.node(one).talk.link(nodeId(other), true);
    this.node(other).talk.link(nodeId(one), true);
  }

  /** A link is lost, and what was on it. */
  cut(one: string, other: string): void {
    this.#links.delete(nameOf(one, other));
    const isOn = ({ from, to }: { from: TalkNode; to: TalkNode }) => nameOf(from.id, to.id) === nameOf(one, other);
    const left = this.wire.filter((word) => !isOn(word));
    this.wire.splice(0, this.wire.length, ...left);
    this.node(one).talk.link(nodeId(other), false);
    this.node(other).talk.link(nodeId(one), false);
  }

  /** A view without a node, on all that are in it. */
  remove(name: string): void {
    const gone = this.#view.members.find(({ id }) => id === name);
    this.#view = {
      ...this.#view,
      removed: [{ id: nodeId(name), epoch: this.#view.epoch, hasLeft: gone?.status === "leaving" }],
    };
    this.#install(this.#view.members.filter(({ id }) => id !== name));
  }

  /** A view in which a node is on its way out. */
  leave(name: string): void {
    this.#install(this.#view.members.map((member) => member.id === name ? { ...member, status: "leaving" } : member));
  }

  #install(members: View["members"]): void {
    this.#view = { ...this.#view, epoch: epoch(this.#view.epoch + 1), members };
    for (const node of this.nodes) if (members.some(({ id }) => id === node.id)) node.talk.viewInstalled(this.#view);
  }

  get view(): View {
    return this.#view;
  }

  /** Begins an actor on a node, and says so in the registry. */
  begin(on: string, key: string, of: AnyKind, seq = 1): void {
    this.registry.set(key, on);
    this.node(on).begin(key, of, seq);
  }

  /** What is on its way arrives, actors run, promises settle, until nothing more happens at this instant. */
  async run(): Promise<void> {
    for (let rounds = 0; rounds < 12; rounds++) {
      for (const { from, to, bytes } of this.wire.splice(0)) to.talk.received(from.id, bytes);
      for (const node of this.nodes) node.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Time passes; whoever waited for it goes on. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.run();
    for (;;) {
      const due = [...this.waits].filter(({ dueMs }) =>
        dueMs <= untilMs
      ).sort((one, other) => one.dueMs - other.dueMs)[0];
      if (due === undefined) break;
      this.nowMs = due.dueMs;
      this.waits.delete(due);
      due.go();
      await this.run();
    }
    this.nowMs = untilMs;
  }

  send(from: TalkNode, to: NodeId, bytes: Uint8Array, isOwed: boolean): boolean {
    const word = decodePeerWord(bytes);
    (isOwed ? this.owed : this.refusable).add(word.kind);
    if (!this.#links.has(nameOf(from.id, to)) || from.isFull) return false;
    this.said.push(`${from.id}>${to} ${wordLine(word)}`);
    this.wire.push({ from, to: this.node(to), bytes });
    return true;
  }

  /** What the actors did since somebody last asked. */
  lines(): readonly string[] {
    return this.story.lines.splice(0);
  }

  /** What was said since somebody last asked. */
  words(): readonly string[] {
    return this.said.splice(0);
  }
}

/** One node: its main thread, which runs its actors too, and a worker that is a list of notices. */
export class TalkNode {
  readonly id: NodeId;
  readonly host: PartitionHost;
  readonly talk: PeerTalk;
  /** What the worker was told. */
  readonly notices: Notice[] = [];
  /** Keys that the worker would run. */
  readonly onWorker = new Set<string>();
  /** Whether links take nothing more. */
  isFull = false;
  actors: readonly { readonly kind: string; readonly key: ActorKey }[] = [];
  canList = true;

  constructor(rig: TalkRig, name: string) {
    this.id = nodeId(name);
    this.talk = new PeerTalk({
      self: () => this.id,
      view: () => rig.view,
      send: (to, bytes, isOwed) => rig.send(this, to, bytes, isOwed),
      locate: (key) => {
        rig.lookups++;
        const found = rig.registry.get(key);
        if (found === "?") return Promise.reject(new ActorError("partition-unavailable", "Cannot look up: not now"));
        return Promise.resolve(found === undefined ? undefined : nodeId(found));
      },
      threadOf: (key) => (this.onWorker.has(key) ? 1 : 0) as ThreadIndex,
      list: (after, count) => {
        if (!this.canList) return Promise.reject(new ActorError("worker-lost", "Cannot list"));
        return Promise.resolve(this.actors.filter(({ key }) => after === undefined || key > after).slice(0, count));
      },
      later: (ms, go) => {
        const wait = { dueMs: rig.nowMs + ms, go };
        rig.waits.add(wait);
        return () => rig.waits.delete(wait);
      },
      log: QUIET,
    });
    this.host = this.#host(rig);
    this.talk.attach(this.host);
  }

  begin(key: string, of: AnyKind, seq = 1): void {
    const token = { cfg: epoch(1), seq };
    this.host.abroad?.begin({ key: key as ActorKey, kind: of.name, token, init: undefined, isAgain: false });
  }

  stop(key: string, word: StopWord = "released", seq = 1): void {
    this.host.abroad?.stop(key as ActorKey, { cfg: epoch(1), seq }, word);
  }

  /** A message for an actor of this node. */
  tell(key: string, of: AnyKind, handler: string, ...args: unknown[]): void {
    const letter = { handler, sender: undefined, chain: undefined, args, trace: undefined };
    const payload = encodeLetter(letter, this.host.refs);
    const token = this.host.abroad?.activations.find((live) => live.key === key)?.token ?? { cfg: epoch(0), seq: 0 };
    const target = key as ActorKey;
    const arrival = { target, token, actorKind: of.name, number: 1, deadline: undefined, payload, origin: undefined };
    this.host.abroad?.deliver(arrival);
  }

  ref<P, Init>(of: Kind<P, Init>, key: string): ActorRef<P> {
    return this.host.refByKey(of, key as ActorKey) as ActorRef<P>;
  }

  turn(): void {
    this.host.enter();
    this.host.fireDue();
    this.host.runCells(1_024);
    this.host.leave();
  }

  #host(rig: TalkRig): PartitionHost {
    const kinds = new KindTable([rig.story.Watcher, rig.story.Plain]);
    return new PartitionHost({
      system: "rig",
      thread: MAIN,
      workers: 1,
      partitionCount: 271,
      kinds,
      askTimeoutMs: 5_000,
      asksMax: 1_000,
      clock: () => instant(rig.nowMs),
      wallClock: () => rig.nowMs,
      random: seededRandom(1),
      firstInvocation: 1,
      log: QUIET,
      resources: new Map(),
      outbound: () => this.#outbound(),
      persistence: undefined,
      request: () => {},
      report: () => {},
      wantedEvents: () => 0,
      released: () => {},
      cluster: {
        port: {
          send: () => "system-stopping",
          abortAsk: () => {},
          answered: () => {},
          refused: () => {},
          flushReached: () => {},
          started: () => {},
          ended: () => {},
          watch: (watcher, key, of, isOn) => this.talk.watch(MAIN, watcher, key, of, isOn),
        },
        generation: () => 1,
      },
    });
  }

  #outbound(): Outbound {
    return {
      send: () => true,
      reply: () => {},
      refuse: () => {},
      operate: () => {},
      countRefused: () => {},
      refusedElsewhere: () => 0,
      notice: (_thread, notice) => void this.notices.push(notice),
      offerNotice: (_thread, notice) => this.notices.push(notice) > 0,
    };
  }
}

function nameOf(one: string, other: string): string {
  return [one, other].sort().join("-");
}

function wordLine(word: PeerWord): string {
  switch (word.kind) {
    case "interest":
      return `interest ${word.topic} ${word.isInterested}`;
    case "again":
      return "again";
    case "published":
      return `published ${word.topic}`;
    case "watch":
    case "unwatch":
      return `${word.kind} ${word.key} for ${word.watcher}`;
    case "terminated":
      return `terminated ${word.key} ${word.reason} for ${word.watcher}`;
    case "list":
      return `list ${word.count}`;
    case "listed":
      return `listed ${word.actors.length}`;
    default:
      return word satisfies never;
  }
}
