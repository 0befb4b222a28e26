/**
 * One identity of a clustered node: its machine, its links, and what the machine wants, done in the real world. On the main
 * thread; mutable; another one for each identity of the process.
 *
 * One idea: what a step of the machine wants is done in the order it was said, before the next step begins. No decision is
 * made here.
 *
 * Invariant: the gate of the lease is published before anything that follows from its change; and from the moment this
 * identity is known to end, its machine runs no more.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import {
  type ClusterEvent,
  type ClusterNode,
  type NodeEffect,
  type NodeInput,
  stepNode,
} from "../cluster/cluster_node.ts";
import type { DirectoryResult } from "../cluster/directory_protocol.ts";
import { isSameVersion, type Version } from "../cluster/engine.ts";
import type { decodeFrameBytes } from "../cluster/frame_bytes.ts";
import type { LeaseTerm } from "../cluster/lease.ts";
import type { UserFrame } from "../cluster/router_protocol.ts";
import { settledPlace } from "../cluster/router_routes.ts";
import type { Now } from "../cluster/time.ts";
import { isMember, type View } from "../cluster/view.ts";
import type { LinkRefusal } from "../remoting/links.ts";
import type { DriverOptions } from "./driver_options.ts";
import { type FrameCounts, IdentityLinks } from "./identity_links.ts";

/** What is wrong with what came from outside, counted over all identities. */
export interface DriverCounts extends FrameCounts {
  odd: number;
}

/** What {@link NodeIdentity} is given. */
export interface IdentityOptions {
  /** The links of this identity, when they are to be opened. */
  readonly links: DriverOptions["links"];
  readonly decode: (bytes: Uint8Array) => ReturnType<typeof decodeFrameBytes>;
  readonly threads: DriverOptions["threads"];
  readonly watcher: DriverOptions["watcher"];
  readonly log: DriverOptions["log"];
  readonly counts: DriverCounts;
  /** Whether this identity is the one that what comes by links is for. */
  readonly isHeard: () => boolean;
  /** Hands an input to the machine, soon: never from inside of this call. */
  readonly tell: (input: NodeInput) => void;
  /** Calls back when every input told so far was taken. */
  readonly afterInputs: (go: () => void) => void;
  readonly done: (requestId: number, result: DirectoryResult) => void;
  readonly event: (event: ClusterEvent) => void;
  /** It is in this cluster. Told with every view. */
  readonly joined: (clusterId: string) => void;
  /** Its view or its lease is another one. */
  readonly changed: () => void;
  readonly refused: (refusal: LinkRefusal) => void;
  /** It is to end. Told once, from inside of a step. */
  readonly ending: (reason: string) => void;
}

/** See the module. */
export class NodeIdentity {
  /** The machine's state. */
  readonly node: ClusterNode;
  readonly #options: IdentityOptions;
  /** None before they are opened, and at the end. */
  #links: IdentityLinks | undefined = undefined;
  #leaseTerm: LeaseTerm | undefined = undefined;
  #wasMember = false;
  /** Why it ends, from the moment that is known. */
  #ending: string | undefined = undefined;

  constructor(node: ClusterNode, options: IdentityOptions) {
    this.node = node;
    this.#options = options;
  }

  /** Its id. */
  get id(): NodeId {
    return this.node.options.self.id;
  }

  /** Until when it has a lease. */
  get leaseTerm(): LeaseTerm | undefined {
    return this.#leaseTerm;
  }

  /** Whether it was a member of a cluster. */
  get wasMember(): boolean {
    return this.#wasMember;
  }

  /** Its links while they are open. */
  get links(): IdentityLinks | undefined {
    return this.#links;
  }

  /** Whether the router has one place for a key, which is this activation here, and nothing that waits for it. */
  isSettledHere(key: string, token: Version): boolean {
    const place = settledPlace(this.node.router, key);
    return place?.node === this.id && isSameVersion(place.token, token);
  }

  /** Opens its links. */
  open(): void {
    const { links, decode, counts, log, threads, watcher, isHeard, tell, afterInputs, refused } = this.#options;
    this.#links = new IdentityLinks({
      open: (events) => links(this.id, events),
      decode,
      counts,
      log,
      isHeard,
      tell,
      afterInputs,
      isMember: (peer) => this.node.view !== undefined && isMember(this.node.view, peer),
      word: (from, bytes) => watcher.peerWord(from, bytes),
      peerLink: (peer, isUp) => watcher.peerLink(peer, isUp),
      messageUnsent: (message) => this.#messageUnsent(message),
      room: () => afterInputs(() => threads.goOn()),
      refused,
    });
  }

  /** Lets go of its lease and its links; resolves when these are closed. Nothing leaves from now on. */
  async end(): Promise<void> {
    const links = this.#links;
    this.#links = undefined;
    this.#leaseTerm = undefined;
    this.#options.threads.publish(undefined);
    await links?.close();
  }

  /** Takes an input. */
  step(input: NodeInput, now: Now): void {
    // What is left of an identity's inputs when it ends in the middle of them is nobody's.
    if (this.#ending !== undefined) return;
    const effects: NodeEffect[] = [];
    stepNode(this.node, input, now, effects);
    for (const effect of effects) this.#perform(effect);
  }

  /** Something was half done, and nobody knows which half: it runs nothing more, and ends if it does not end already. */
  broke(reason: string): void {
    this.#options.threads.publish(undefined);
    this.#wasMember ||= this.node.view !== undefined;
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#ending !== undefined) return;
    this.#ending = reason;
    this.#options.ending(reason);
  }

  // --- effects --------------------------------------------------------------------------------------

  #perform(effect: NodeEffect): void {
    const { threads, watcher, log, counts, done, event, changed } = this.#options;
    switch (effect.kind) {
      case "send":
        return this.#send(effect);
      case "greet":
        return this.#links?.greet(effect.address, effect.frame);
      case "start":
      case "stop":
      case "enqueue":
      case "reply":
      case "failed":
        return threads.perform(effect);
      case "deadLetter":
        if (effect.reason === "buffer-full") threads.holdBack(effect.target);
        return watcher.deadLetter(effect);
      case "closeLink":
        return this.#links?.closeLink(effect.peer, effect.generation, effect.reason);
      case "done":
        return done(effect.requestId, effect.result);
      case "event":
        return event(effect.event);
      case "view":
        return this.#viewInstalled(effect.view);
      case "leaseTerm":
        this.#leaseTerm = effect.until;
        return threads.publish(effect.until);
      case "lease":
        threads.leaseChanged();
        return changed();
      case "retire":
        this.#wasMember ||= effect.wasMember;
        return this.#end(effect.reason);
      case "voted":
        return;
      case "odd":
        counts.odd++;
        return log.debug("a peer sent what makes no sense here", { from: effect.from, reason: effect.reason });
      default:
        return effect satisfies never;
    }
  }

  #send(effect: Extract<NodeEffect, { kind: "send" }>): void {
    const { to, frame } = effect;
    if (to !== this.id) return this.#links?.send(effect);
    this.#options.tell({ kind: "frame", from: to, lane: "control", generation: 0, frame });
  }

  /** A message that finds no room on a data link fails, and those who send to its actor are held back. */
  #messageUnsent({ target, actorKind, sender, askId, payload }: UserFrame): void {
    const { threads, watcher, tell } = this.#options;
    threads.holdBack(target);
    if (askId === undefined) {
      const reason = "buffer-full";
      return watcher.deadLetter({ kind: "deadLetter", target, actorKind, sender, askId, payload, reason });
    }
    tell({ kind: "abortAsk", askId });
    threads.perform({ kind: "failed", askId, code: "buffer-full", fate: "not-delivered" });
  }

  #viewInstalled(view: View): void {
    const { watcher, joined, changed } = this.#options;
    this.#wasMember = true;
    const peers = view.members.filter(({ id }) => id !== this.id).map(({ id, address }) => [id, address] as const);
    this.#links?.setPeers(new Map(peers));
    joined(view.clusterId);
    watcher.view(view);
    changed();
  }
}
