/**
 * What this node's system has to do with those of its peers beside the machine: topics, watches, and lists of actors.
 * Lives on the main thread; mutable; one per clustered system.
 *
 * One idea: nothing here is agreed on. Interest and watches are said again whenever a link is new, so a link that was lost
 * costs what was published meanwhile, and never an answer to a watch.
 *
 * Invariant: each watch that was asked for is answered once: when the actor ends, at once when there is none, and when
 * its node is lost. One that moves takes its watchers along, also when its node has left in good order before it could say so.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { decodeFromBytes, encodeToBytes } from "../core/codec.ts";
import { ActorError, toActorError } from "../core/failure.ts";
import type { ActorKey, NodeId, ThreadIndex } from "../core/ids.ts";
import type { StopReason } from "../core/lifecycle.ts";
import { rootOf } from "../core/names.ts";
import type { Log } from "../core/ports.ts";
import { isMember, type View } from "../cluster/view.ts";
import { NO_THREAD } from "../workers/foreign_ask.ts";
import type { PartitionHost } from "../workers/partition_host.ts";
import { decodePeerWord, encodePeerWord, type PeerWord } from "./peer_words.ts";

const MAIN = 0 as ThreadIndex;
/** Where a watcher is that no thread has: its end is told to this file. */
const ABROAD = NO_THREAD;
/** Milliseconds between two tries to find the node of a watched actor while the registry does not say, or not yet. */
const LOCATE_AGAIN_MS = 500;
/**
 * Times a node may say that it has no such actor, though the registry names it: an actor that moves is nowhere for a
 * moment. At the limit its watchers hear `not-found`.
 */
const MISSES_MAX = 10;
/** Lists that may be waited for at once. At the limit: `limit-reached`. */
const LISTS_MAX = 1_024;

/** What {@link PeerTalk} is given. */
export interface PeerTalkOptions {
  readonly self: () => NodeId;
  readonly view: () => View | undefined;
  /**
   * Says a word to a peer; whether it is on its way. Where there is a link and no room, one that is owed ends the link: it
   * is said again by the next.
   */
  readonly send: (to: NodeId, bytes: Uint8Array, isOwed: boolean) => boolean;
  /** Which node runs an actor; `undefined` when none does. Rejects when that cannot be said now. */
  readonly locate: (key: ActorKey) => Promise<NodeId | undefined>;
  /** The thread of this node that would run an actor. */
  readonly threadOf: (key: ActorKey) => ThreadIndex;
  /** A page of the actors of this node, of all its threads, behind `after` in the order of keys. */
  readonly list: (
    after: ActorKey | undefined,
    count: number,
  ) => Promise<readonly { readonly kind: string; readonly key: ActorKey }[]>;
  /** Calls back after so many milliseconds, unless the answer is called before. By default the platform's timer. */
  readonly later?: (ms: number, go: () => void) => () => void;
  readonly log: Log;
}

/** A watch of an actor of this node. */
interface Watch {
  readonly thread: ThreadIndex;
  readonly watcher: ActorKey;
  readonly key: ActorKey;
  readonly kind: string;
  /** Where it was found; `undefined` while that is looked up. */
  node: NodeId | undefined;
  /** How often it was not where it had been found. */
  misses: number;
}

/** A watch on an actor of this node. A watcher that moves may watch from two nodes for a moment. */
interface Watched {
  readonly watcher: ActorKey;
  readonly key: ActorKey;
  readonly kind: string;
  readonly nodes: Set<NodeId>;
}

interface List {
  readonly from: NodeId;
  readonly resolve: (actors: readonly { readonly kind: string; readonly key: ActorKey }[]) => void;
  readonly reject: (error: ActorError) => void;
  readonly endWait: () => void;
}

/** This node's talk with its peers. */
export class PeerTalk {
  /** Words that were none, or came from nobody who may say them. */
  malformedCount = 0;
  /** Values of topics that a peer's link did not take. */
  unsentCount = 0;
  readonly #options: PeerTalkOptions;
  #host: PartitionHost | undefined = undefined;
  readonly #peers = new Set<NodeId>();
  /** By topic: the peers with subscribers. */
  readonly #interested = new Map<string, Set<NodeId>>();
  readonly #watches = new Map<string, Watch>();
  /** By watcher and watched: who watches an actor of this node, and from which nodes, this one included. */
  readonly #watched = new Map<string, Watched>();
  #members: ReadonlySet<NodeId> = new Set();
  readonly #lists = new Map<number, List>();
  #listId = 0;
  #isClosed = false;

  constructor(options: PeerTalkOptions) {
    this.#options = options;
  }

  /** The main thread's host. */
  attach(host: PartitionHost): void {
    this.#host = host;
    host.topics.onNodeInterest((topic, isInterested) => this.#tellAll({ kind: "interest", topic, isInterested }));
    host.watcherElsewhere = (watcher, key, kind, reason) => this.#ended(watcher, key, kind, reason);
  }

  // --- links and views ----------------------------------------------------------------------------

  /** A link to a peer has come, or is gone. */
  link(peer: NodeId, isUp: boolean): void {
    if (!isUp) {
      this.#peers.delete(peer);
      for (const topic of [...this.#interested.keys()]) this.#setInterest(topic, peer, false);
      return this.#failLists(peer);
    }
    this.#peers.add(peer);
    this.#sayAll(peer);
  }

  #sayAll(peer: NodeId): void {
    for (const topic of this.#host?.topics.subscribed ?? []) {
      this.#tell(peer, { kind: "interest", topic, isInterested: true });
    }
    for (const watch of this.#watches.values()) if (watch.node === peer) this.#sendWatch(watch, true);
  }

  /** A view is installed: what ran on nodes that were lost has ended for who watches it; one that left has handed it on. */
  viewInstalled(view: View): void {
    for (const watch of [...this.#watches.values()]) {
      if (watch.node === undefined || isMember(view, watch.node)) continue;
      if (view.removed.some(({ id, hasLeft }) => id === watch.node && hasLeft)) this.#find(watch);
      else this.#answer(watch, "node-lost");
    }
    for (const [name, watched] of [...this.#watched]) {
      for (const node of watched.nodes) if (!isMember(view, node)) watched.nodes.delete(node);
      if (watched.nodes.size === 0) this.#watched.delete(name);
    }
    // Words are heard from members only, and one of the two installs the view last: that one says all, and asks for all.
    const members = new Set(view.members.map(({ id }) => id));
    for (const peer of this.#peers) {
      if (!members.has(peer) || this.#members.has(peer)) continue;
      this.#sayAll(peer);
      this.#tell(peer, { kind: "again" });
    }
    this.#members = members;
  }

  /** A worker is gone: who watched its actors is told, and its actors watch nobody any more. */
  workerLost(thread: ThreadIndex): void {
    for (const [name, watch] of [...this.#watches]) if (watch.thread === thread) this.#watches.delete(name);
    for (const { watcher, key, kind } of [...this.#watched.values()]) {
      if (this.#options.threadOf(rootOf(key) as ActorKey) === thread) this.#ended(watcher, key, kind, "worker-lost");
    }
  }

  /** A peer has said something. Its link has made sure who it is, and it is a member. */
  received(from: NodeId, bytes: Uint8Array): void {
    let word: PeerWord;
    try {
      word = decodePeerWord(bytes);
    } catch (thrown) {
      this.malformedCount++;
      return this.#options.log.debug("a peer said what is no word", { from, reason: toActorError(thrown).message });
    }
    this.#understood(from, word);
  }

  /** The node has stopped: nothing is looked for any more. */
  close(): void {
    this.#isClosed = true;
    this.endAll();
  }

  /** All that this node waits for from others ends: it is out of the cluster, or stops. */
  endAll(): void {
    for (const peer of [...this.#peers]) this.link(peer, false);
    for (const watch of [...this.#watches.values()]) this.#answer(watch, "node-lost");
    this.#watched.clear();
    this.#members = new Set();
  }

  // --- watches ------------------------------------------------------------------------------------

  /** An actor of a thread of this node watches `key`, which isn't on that thread; or no longer. */
  watch(thread: ThreadIndex, watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean): void {
    const name = nameOf(watcher, key);
    const known = this.#watches.get(name);
    if (!isOn) {
      this.#watches.delete(name);
      if (known?.node !== undefined) this.#sendWatch(known, false);
      return;
    }
    const watch = known ?? { thread, watcher, key, kind, node: undefined, misses: 0 };
    this.#watches.set(name, watch);
    this.#find(watch);
  }

  #find(watch: Watch): void {
    watch.node = undefined;
    this.#options.locate(rootOf(watch.key) as ActorKey).then(
      (node) => {
        if (this.#watches.get(nameOf(watch.watcher, watch.key)) !== watch) return;
        if (node === undefined) return this.#answer(watch, "not-found");
        const view = this.#options.view();
        if (view === undefined || !isMember(view, node)) return this.#findLater(watch); // The registry will know better.
        watch.node = node;
        this.#sendWatch(watch, true);
      },
      // It cannot be said now; the actor may well run. Asked again until it can, or nobody watches any longer.
      () => this.#findLater(watch),
    );
  }

  #findLater(watch: Watch): void {
    watch.node = undefined;
    if (this.#isClosed) return;
    this.#later(LOCATE_AGAIN_MS, () => {
      if (this.#watches.get(nameOf(watch.watcher, watch.key)) === watch) this.#find(watch);
    });
  }

  #sendWatch({ watcher, key, kind, node }: Watch, isOn: boolean): void {
    const self = this.#options.self();
    if (node === undefined) return;
    if (node !== self) this.#tell(node, { kind: isOn ? "watch" : "unwatch", watcher, key, actorKind: kind });
    else if (isOn) this.#watchedBy(self, watcher, key, kind);
    else this.#unwatchedBy(self, watcher, key, kind);
  }

  #watchedBy(node: NodeId, watcher: ActorKey, key: ActorKey, kind: string): void {
    const name = nameOf(watcher, key);
    const watched = this.#watched.get(name);
    if (watched === undefined) this.#watched.set(name, { watcher, key, kind, nodes: new Set([node]) });
    else watched.nodes.add(node);
    this.#atHome(watcher, key, kind, true);
  }

  #unwatchedBy(node: NodeId, watcher: ActorKey, key: ActorKey, kind: string): void {
    const name = nameOf(watcher, key);
    const watched = this.#watched.get(name);
    watched?.nodes.delete(node);
    if (watched === undefined || watched.nodes.size > 0) return;
    this.#watched.delete(name);
    this.#atHome(watcher, key, kind, false);
  }

  /** On whichever thread of this node has the actor; its end is told to this thread, whoever watches. */
  #atHome(watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean): void {
    const host = this.#host;
    const on = this.#options.threadOf(rootOf(key) as ActorKey);
    if (on !== MAIN) {
      host?.outbound?.notice(on, { notice: isOn ? "watch" : "unwatch", watcher, thread: MAIN, key, kind });
    } else if (isOn) host?.watches.watchHere({ thread: ABROAD, key: watcher }, key, kind);
    else host?.watches.unwatchHere({ thread: ABROAD, key: watcher }, key);
    host?.requestTurn();
  }

  /** An actor of this node has ended. */
  #ended(watcher: ActorKey, key: ActorKey, kind: string, reason: StopReason): void {
    const name = nameOf(watcher, key);
    const watched = this.#watched.get(name);
    this.#watched.delete(name);
    for (const node of watched?.nodes ?? []) {
      if (node === this.#options.self()) this.#terminated(node, watcher, key, reason);
      else this.#tell(node, { kind: "terminated", watcher, key, actorKind: kind, reason });
    }
  }

  #terminated(from: NodeId, watcher: ActorKey, key: ActorKey, reason: StopReason): void {
    const watch = this.#watches.get(nameOf(watcher, key));
    if (watch?.node !== from) return;
    // It goes on elsewhere: its watchers go with it.
    if (reason === "moved" || reason === "fenced") return this.#find(watch);
    // The registry named that node: it is on its way there, or from there. Children go nowhere.
    if (reason === "not-found" && rootOf(key) === key && ++watch.misses < MISSES_MAX) return this.#findLater(watch);
    this.#answer(watch, reason);
  }

  #answer(watch: Watch, reason: StopReason): void {
    const { thread, watcher, key, kind } = watch;
    this.#watches.delete(nameOf(watcher, key));
    if (thread === MAIN) this.#host?.watches.endedHere(watcher, key, kind, reason);
    else this.#host?.outbound?.notice(thread, { notice: "ended", watcher, key, kind, reason });
    this.#host?.requestTurn();
  }

  // --- lists --------------------------------------------------------------------------------------

  /** A page of a peer's actors. Rejects `link-lost`, `ask-timeout`, `limit-reached`; safe to repeat. */
  listOf(
    peer: NodeId,
    after: ActorKey | undefined,
    count: number,
    timeoutMs: number,
  ): Promise<readonly { readonly kind: string; readonly key: ActorKey }[]> {
    return new Promise((resolve, reject) => {
      if (this.#lists.size >= LISTS_MAX) {
        throw new ActorError("limit-reached", "Cannot list actors: too many lists wait");
      }
      const id = ++this.#listId;
      const endWait = this.#later(timeoutMs, () => {
        this.#lists.delete(id);
        reject(new ActorError("ask-timeout", `Cannot list the actors of ${peer}: no answer in ${timeoutMs} ms`));
      });
      this.#lists.set(id, { from: peer, resolve, reject, endWait });
      if (!this.#tell(peer, { kind: "list", id, after, count })) this.#failLists(peer);
    });
  }

  #failLists(peer: NodeId): void {
    for (const [id, { from, reject, endWait }] of [...this.#lists]) {
      if (from !== peer) continue;
      this.#lists.delete(id);
      endWait();
      reject(new ActorError("link-lost", `Cannot list the actors of ${peer}: there is no link to it`));
    }
  }

  // ------------------------------------------------------------------------------------------------

  #understood(from: NodeId, word: PeerWord): void {
    switch (word.kind) {
      case "interest":
        return this.#setInterest(word.topic, from, word.isInterested);
      case "published":
        return this.#published(word.topic, word.value);
      case "again":
        return this.#sayAll(from);
      case "watch":
        return this.#watchedBy(from, word.watcher, word.key, word.actorKind);
      case "unwatch":
        return this.#unwatchedBy(from, word.watcher, word.key, word.actorKind);
      case "terminated":
        return this.#terminated(from, word.watcher, word.key, word.reason);
      case "list":
        return this.#list(from, word.id, word.after, word.count);
      case "listed": {
        const list = this.#lists.get(word.id);
        if (list === undefined || list.from !== from) return;
        this.#lists.delete(word.id);
        list.endWait();
        return list.resolve(word.actors);
      }
      default:
        return word satisfies never;
    }
  }

  #list(from: NodeId, id: number, after: ActorKey | undefined, count: number): void {
    this.#options.list(after, count).then(
      (actors) => this.#tell(from, { kind: "listed", id, actors }),
      (thrown) => this.#options.log.debug("a peer's list could not be made", { reason: toActorError(thrown).message }),
    );
  }

  #setInterest(topic: string, peer: NodeId, isInterested: boolean): void {
    const peers = this.#interested.get(topic) ?? new Set();
    if (isInterested) peers.add(peer);
    else peers.delete(peer);
    if (peers.size === 0) this.#interested.delete(topic);
    else this.#interested.set(topic, peers);
    const hadForward = this.#forwards.has(topic);
    if (hadForward === peers.size > 0) return;
    if (peers.size > 0) this.#forwards.add(topic);
    else this.#forwards.delete(topic);
    this.#host?.topics.setForward(topic, peers.size > 0 ? (value) => this.#forward(topic, value) : undefined);
    this.#host?.requestTurn();
  }

  readonly #forwards = new Set<string>();

  #forward(topic: string, value: unknown): void {
    let bytes: Uint8Array;
    try {
      bytes = encodePeerWord({ kind: "published", topic, value: encodeToBytes(value, this.#host?.refs) });
    } catch {
      this.unsentCount++; // It cannot travel: its publisher was told so if it had to cross threads, here it is only counted.
      return;
    }
    for (const peer of this.#interested.get(topic) ?? []) {
      if (!this.#options.send(peer, bytes, false)) this.unsentCount++;
    }
  }

  #published(topic: string, bytes: Uint8Array): void {
    const host = this.#host;
    if (host === undefined) return;
    try {
      host.counters.eventsUnsent += host.topics.deliverFromNode(topic, decodeFromBytes(bytes, host.refs));
    } catch (thrown) {
      this.malformedCount++;
      this.#options.log.debug("a value of a topic cannot be read", { topic, reason: toActorError(thrown).message });
    }
    host.requestTurn();
  }

  #tellAll(word: PeerWord): void {
    for (const peer of this.#peers) this.#tell(peer, word);
  }

  #tell(peer: NodeId, word: PeerWord): boolean {
    return this.#options.send(peer, encodePeerWord(word), true);
  }

  #later(ms: number, go: () => void): () => void {
    return (this.#options.later ?? platformLater)(ms, go);
  }
}

function platformLater(ms: number, go: () => void): () => void {
  const timer = setTimeout(go, ms);
  return () => clearTimeout(timer);
}

function nameOf(watcher: ActorKey, key: ActorKey): string {
  return `${watcher} ${key}`;
}
