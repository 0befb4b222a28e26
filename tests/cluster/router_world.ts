/**
 * A small world that is unkind to message routers: actors that move while messages are on their way, nodes that freeze,
 * links that are replaced while their old frames still arrive, caches of one entry, hosts behind slow rings, a node that
 * is removed and does not know it yet. Everything follows from one seed.
 *
 * While it runs, and when it has settled, the world checks what routers promise, and throws a {@link Violation}.
 *
 * @module
 */
import type { Fate } from "../../core/failure.ts";
import { epoch, instant, type NodeId, nodeId } from "../../core/ids.ts";
import { below, type Random, seededRandom } from "../../core/random.ts";
import { isOlder, isSameVersion, type LeaseStatus, type Version } from "../../cluster/engine.ts";
import { createRouter, type RouterState, stepRouter } from "../../cluster/router.ts";
import type {
  Arrived,
  BounceReason,
  RouterEffect,
  RouterInput,
  RouterMessage,
  SenderId,
} from "../../cluster/router_protocol.ts";
import type { Rules } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";

/** What routers promised and did not keep. */
export class Violation extends Error {}

/** Which misfortunes happen. */
export interface Faults {
  readonly freezes: boolean;
  /** Caches hold one route. */
  readonly evictions: boolean;
  readonly resets: boolean;
  /** A holder learns late that its claim was acknowledged. */
  readonly slowClaims: boolean;
  /** Actors are stopped for good, and spawned again. */
  readonly stops: boolean;
  /** One node is removed from the cluster. */
  readonly removal: boolean;
}

export const ALL_FAULTS: Faults = {
  freezes: true,
  evictions: true,
  resets: true,
  slowClaims: true,
  stops: true,
  removal: true,
};

export const NO_FAULTS: Faults = {
  freezes: false,
  evictions: false,
  resets: false,
  slowClaims: false,
  stops: false,
  removal: false,
};

/** What happened in a run that kept all promises. */
export interface Summary {
  readonly sent: number;
  readonly run: number;
  readonly deadLetters: number;
  readonly lostWithLinks: number;
  readonly bounces: number;
  readonly asksFailed: number;
}

const NODES: readonly NodeId[] = ["A", "B", "C", "D"].map(nodeId);
const KEYS = ["k1", "k2", "k3"];
const ACTIVE_MS = 700;
const SETTLED_MS = 6_000;
const TICK_MS = 20;
const EVENTS_MAX = 60_000;

interface Message {
  readonly id: number;
  readonly sender: string;
  readonly senderToken: Version | undefined;
  readonly target: string;
  readonly isAsk: boolean;
  readonly deadline: number;
  readonly node: Node;
  ran: boolean;
  ends: number;
  dead: string | undefined;
  /** The link that took it last. */
  carrier: { readonly pair: Pair; readonly generation: number } | undefined;
}

interface Mailbox {
  readonly key: string;
  readonly token: Version;
  items: Arrived[];
  status: "starting" | "live" | "stopping";
  busy: boolean;
  seen: number;
  ended: ((items: readonly Arrived[], through: number) => void) | undefined;
}

interface Node {
  readonly id: NodeId;
  readonly router: RouterState;
  readonly mailboxes: Mailbox[];
  /** Milliseconds, at most, between the router and the threads of its actors. */
  readonly ringMs: number;
  toHostAt: number;
  fromHostAt: number;
  lease: LeaseStatus;
  freezes: number;
  isRemoved: boolean;
  readonly effects: RouterEffect[];
  isPerforming: boolean;
}

interface Pair {
  readonly ends: readonly [Node, Node];
  /** The newest generation; ends learn of it one by one. */
  generation: number;
  /** What each end believes. */
  readonly up: Map<Node, number>;
}

interface Held {
  holder: NodeId | undefined;
  token: Version;
  isMoving: boolean;
}

interface Sender {
  readonly key: string;
  node: Node;
  token: Version | undefined;
}

/** Runs one seed to its end. */
export function runWorld(seed: number, rules: Rules, faults: Faults): Summary {
  const world = new World(seed, rules, faults);
  return world.run();
}

class World {
  readonly #random: Random;
  readonly #rules: Rules;
  readonly #faults: Faults;
  readonly #queue = new EventQueue();
  readonly #nodes: readonly Node[];
  readonly #pairs: readonly Pair[];
  readonly #records = new Map<string, Held>();
  readonly #messages: Message[] = [];
  readonly #lastRun = new Map<string, Message>();
  readonly #lastToken = new Map<string, Version>();
  readonly #arrivals = new Map<string, number>();
  /** Lines that carry nothing more: an old link loses its tail, never a frame between others. */
  readonly #cut = new Set<string>();
  #now = 0;
  #tokens = 1;
  #epoch = 1;
  #lostWithLinks = 0;

  constructor(seed: number, rules: Rules, faults: Faults) {
    this.#random = seededRandom(seed);
    this.#rules = rules;
    this.#faults = faults;
    this.#nodes = NODES.map((id, index) => this.#nodeOf(id, index));
    const pairs: Pair[] = [];
    for (const [index, one] of this.#nodes.entries()) {
      for (const other of this.#nodes.slice(index + 1)) {
        pairs.push({ ends: [one, other], generation: 1, up: new Map([[one, 1], [other, 1]]) });
      }
    }
    this.#pairs = pairs;
  }

  run(): Summary {
    const view = viewOf(1, NODES);
    for (const node of this.#nodes) {
      this.#step(node, { kind: "view", view });
      this.#step(node, { kind: "lease", status: "held" });
      for (const peer of this.#nodes) {
        if (peer !== node) this.#step(node, { kind: "linkUp", peer: peer.id, generation: 1 });
      }
      this.#every(TICK_MS, TICK_MS, SETTLED_MS, () => this.#step(node, { kind: "tick" }));
    }
    for (const key of KEYS) this.#spawn(key, this.#pick(this.#nodes));
    this.#schedule();
    for (let events = 0; this.#queue.size > 0; events++) {
      const event = this.#queue.take();
      if (event === undefined || event.at > SETTLED_MS) break;
      if (events > EVENTS_MAX) throw new Violation("the world does not come to rest");
      this.#now = event.at;
      event.act();
    }
    return this.#settled();
  }

  // --- what happens ---

  #schedule() {
    const senders: Sender[] = [
      { key: "s1", node: this.#node(0), token: this.#token() },
      { key: "s2", node: this.#node(1), token: this.#token() },
      { key: "s3", node: this.#node(3), token: this.#token() },
      { key: "outside", node: this.#node(3), token: undefined },
    ];
    for (const sender of senders) {
      for (let at = 5; at < ACTIVE_MS; at += 1 + this.#upTo(14)) this.#at(at, () => this.#send(sender));
    }
    for (const key of KEYS) {
      for (let at = 20 + this.#upTo(60); at < ACTIVE_MS; at += 30 + this.#upTo(200)) {
        this.#at(at, () => this.#move(key));
      }
    }
    if (this.#faults.freezes) {
      for (let at = 30 + this.#upTo(60); at < ACTIVE_MS; at += 40 + this.#upTo(100)) {
        const node = this.#pick(this.#nodes);
        this.#at(at, () => this.#freeze(node));
        this.#at(at + this.#upTo(60), () => this.#thaw(node));
      }
    }
    if (this.#faults.resets) {
      for (let at = 40 + this.#upTo(60); at < ACTIVE_MS; at += 40 + this.#upTo(100)) {
        this.#at(at, () => this.#reset(this.#pick(this.#pairs)));
      }
    }
    if (this.#faults.removal && this.#upTo(2) < 1) {
      const node = this.#pick(this.#nodes);
      const at = 200 + this.#upTo(400);
      this.#at(at - 40, () => this.#clog(node, at));
      this.#at(at, () => this.#remove(node, senders));
    }
  }

  #send(sender: Sender) {
    const { node } = sender;
    if (node.isRemoved || (sender.token !== undefined && node.lease !== "held")) return;
    const isAsk = this.#upTo(3) < 1;
    const target = this.#pick(KEYS);
    const id = this.#messages.length + 1;
    const deadline = this.#now + 20 + this.#upTo(400);
    this.#messages.push({
      id,
      sender: sender.key,
      senderToken: sender.token,
      target,
      isAsk,
      deadline,
      node,
      ran: false,
      ends: 0,
      dead: undefined,
      carrier: undefined,
    });
    const senderId: SenderId | undefined = sender.token && { key: sender.key, token: sender.token };
    const ask = isAsk ? { id, deadline: instant(deadline) } : undefined;
    const letter = { target, actorKind: "kind", sender: senderId, ask, bytes: 10, payload: id };
    this.#step(node, { kind: "send", letter });
  }

  /** The holder of a key stops it, and it goes on elsewhere, or here again, or not for a while. */
  #move(key: string) {
    const record = this.#recordOf(key);
    const node = this.#nodes.find(({ id }) => id === record.holder);
    if (node === undefined || record.isMoving || node.isRemoved) return;
    const mailbox = node.mailboxes.find((one) => one.key === key && isSameVersion(one.token, record.token));
    if (mailbox?.status !== "live") return;
    record.isMoving = true;
    const isStop = this.#faults.stops && this.#upTo(10) < 1;
    const token = record.token;
    const others = this.#nodes.filter((one) => one !== node && !one.isRemoved);
    const next = this.#upTo(100) < 15 ? node : this.#pick(others);
    const isHinted = this.#upTo(3) < 1;
    this.#step(node, { kind: "activation", key, token, status: isStop ? "stopping" : "handing" });
    this.#toHost(node, () => {
      mailbox.status = "stopping";
      mailbox.ended = (items, through) => {
        const reason: BounceReason = isStop ? "stopped" : "moved";
        // A hint names the next token, which is not given out yet: whoever follows it may well be early.
        const hint = isHinted ? { node: next.id, token: { cfg: epoch(1), seq: this.#tokens + 1 } } : undefined;
        this.#fromHost(node, () => {
          this.#step(node, { kind: "handedBack", key, token, items, through, reason, hint });
        });
      };
      if (!mailbox.busy) this.#end(node, mailbox);
    });
    const whenGone = () => {
      if (node.isRemoved) return;
      if (node.mailboxes.includes(mailbox)) return this.#at(this.#now + 2, whenGone);
      this.#fromHost(node, () => {
        this.#step(node, { kind: "activation", key, token, status: "gone" });
        if (isStop) record.holder = undefined;
        const waitMs = isStop ? 10 + this.#upTo(60) : this.#upTo(30);
        this.#at(this.#now + waitMs, () => {
          // Unless its node was removed meanwhile, and somebody else has claimed it.
          if (this.#records.get(key) === record) this.#spawn(key, next);
        });
      });
    };
    whenGone();
  }

  /** A claim: the record names the node, and a little later the node knows. */
  #spawn(key: string, wanted: Node) {
    const node = wanted.isRemoved ? this.#pick(this.#nodes.filter((one) => !one.isRemoved)) : wanted;
    const token = this.#token();
    this.#records.set(key, { holder: node.id, token, isMoving: false });
    const isStill = () => {
      const record = this.#recordOf(key);
      return record.holder === node.id && isSameVersion(record.token, token) && !node.isRemoved;
    };
    this.#at(this.#now + (this.#faults.slowClaims ? this.#upTo(25) : 0), () => {
      if (!isStill()) return;
      const mailbox: Mailbox = {
        key,
        token,
        items: [],
        status: "starting",
        busy: false,
        seen: 0,
        ended: undefined,
      };
      this.#step(node, { kind: "activation", key, token, status: "starting" });
      this.#toHost(node, () => node.mailboxes.push(mailbox));
      this.#at(this.#now + this.#upTo(10), () => {
        if (!isStill()) return;
        this.#step(node, { kind: "activation", key, token, status: "live" });
        this.#toHost(node, () => {
          mailbox.status = "live";
          this.#pump(node, mailbox);
        });
      });
    });
  }

  #freeze(node: Node) {
    node.freezes++;
    if (node.lease !== "held") return;
    node.lease = "frozen";
    this.#step(node, { kind: "lease", status: "frozen" });
  }

  #thaw(node: Node) {
    node.freezes--;
    if (node.freezes > 0 || node.lease !== "frozen" || node.isRemoved) return;
    node.lease = "held";
    this.#step(node, { kind: "lease", status: "held" });
    for (const mailbox of [...node.mailboxes]) this.#pump(node, mailbox);
  }

  /** The link of a pair is replaced. Its old frames are lost from some point on, or all still arrive. */
  #reset(pair: Pair) {
    pair.generation++;
    const { generation } = pair;
    for (const [end, peer] of [[pair.ends[0], pair.ends[1]], [pair.ends[1], pair.ends[0]]] as const) {
      this.#at(this.#now + this.#upTo(30), () => this.#linkUp(pair, end, peer, generation));
    }
  }

  #linkUp(pair: Pair, end: Node, peer: Node, generation: number) {
    const known = pair.up.get(end) ?? 0;
    if (known >= generation) return;
    pair.up.set(end, generation);
    if (this.#upTo(2) < 1) this.#step(end, { kind: "linkLost", peer: peer.id, generation: known });
    this.#step(end, { kind: "linkUp", peer: peer.id, generation });
  }

  /** What a node sends from now on arrives long after it was sent. */
  #clog(node: Node, at: number) {
    for (const { ends, generation } of this.#pairs) {
      const peer = ends[0] === node ? ends[1] : ends[0];
      const line = `${node.id}${peer.id}${generation}`;
      const clearAt = Math.max(this.#arrivals.get(line) ?? 0, at + this.#upTo(150));
      if (ends.includes(node)) this.#arrivals.set(line, clearAt);
    }
  }

  /** A node's lease is out for good; the others learn that it is removed, and it does last. */
  #remove(node: Node, senders: readonly Sender[]) {
    this.#freeze(node);
    node.freezes += 1_000;
    node.isRemoved = true;
    this.#epoch++;
    const members = NODES.filter((id) => id !== node.id);
    const view = viewOf(this.#epoch, members);
    let first = true;
    for (const heir of this.#nodes.filter((one) => one !== node)) {
      this.#at(this.#now + this.#upTo(120), () => {
        this.#step(heir, { kind: "view", view });
        if (!first) return;
        first = false;
        for (const [key, record] of this.#records) {
          if (record.holder === node.id) this.#spawn(key, heir);
        }
        for (const sender of senders) {
          if (sender.node !== node || sender.token === undefined) continue;
          sender.node = heir;
          sender.token = this.#token();
        }
      });
    }
    this.#at(this.#now + 50 + this.#upTo(60), () => {
      node.lease = "fenced";
      node.mailboxes.length = 0;
      this.#step(node, { kind: "lease", status: "fenced" });
    });
  }

  // --- the host of a node's actors ---

  #enqueue(node: Node, key: string, token: Version, number: number, arrived: Arrived) {
    const mailbox = node.mailboxes.find((one) => one.key === key && isSameVersion(one.token, token));
    if (mailbox !== undefined) {
      mailbox.seen = number;
      mailbox.items.push(arrived);
      return this.#pump(node, mailbox);
    }
    if (node.lease === "fenced") return;
    this.#fromHost(node, () => {
      const back = { kind: "handedBack", key, token, items: [arrived], through: number } as const;
      this.#step(node, { ...back, reason: "moved", hint: undefined });
    });
  }

  #pump(node: Node, mailbox: Mailbox) {
    while (!mailbox.busy && mailbox.status === "live" && node.lease === "held") {
      const arrived = mailbox.items.shift();
      if (arrived === undefined) return;
      const { frame } = arrived;
      if (frame.kind === "flush") {
        this.#fromHost(node, () => this.#step(node, { kind: "flushReached", arrived }));
      } else if (frame.remainingMs !== undefined && this.#now > arrived.at + frame.remainingMs) {
        const refused = { kind: "refused", arrived, code: "ask-expired", fate: "not-delivered" } as const;
        this.#fromHost(node, () => this.#step(node, refused));
      } else {
        this.#ran(frame, mailbox.token);
        mailbox.busy = true;
        this.#at(this.#now + (this.#upTo(5) < 1 ? this.#upTo(60) : this.#upTo(3)), () => {
          mailbox.busy = false;
          if (node.lease === "fenced") return;
          if (frame.askId !== undefined) {
            const outcome = { kind: "ok", value: frame.payload } as const;
            this.#fromHost(node, () => this.#step(node, { kind: "answered", arrived, outcome }));
          }
          if (mailbox.status === "stopping") this.#end(node, mailbox);
          else this.#pump(node, mailbox);
        });
      }
    }
  }

  #end(node: Node, mailbox: Mailbox) {
    const index = node.mailboxes.indexOf(mailbox);
    if (index < 0) return;
    node.mailboxes.splice(index, 1);
    mailbox.ended?.(mailbox.items, mailbox.seen);
  }

  #toHost(node: Node, act: () => void) {
    if (node.ringMs === 0) return act();
    node.toHostAt = Math.max(node.toHostAt + 0.001, this.#now + this.#upTo(node.ringMs));
    this.#at(node.toHostAt, act);
  }

  #fromHost(node: Node, act: () => void) {
    if (node.ringMs === 0) return act();
    node.fromHostAt = Math.max(node.fromHostAt + 0.001, this.#now + this.#upTo(node.ringMs));
    this.#at(node.fromHostAt, act);
  }

  // --- the router of a node, and what it wants ---

  #step(node: Node, input: RouterInput) {
    const out: RouterEffect[] = [];
    stepRouter(node.router, input, { mono: instant(this.#now), wall: this.#now }, out);
    // In the order they came: what one of them leads to at once comes after all of them.
    node.effects.push(...out);
    if (node.isPerforming) return;
    node.isPerforming = true;
    for (let effect = node.effects.shift(); effect !== undefined; effect = node.effects.shift()) {
      this.#perform(node, effect);
    }
    node.isPerforming = false;
  }

  #perform(node: Node, effect: RouterEffect) {
    switch (effect.kind) {
      case "transmit":
        return this.#transmit(node, effect.to, effect.generation, effect.message);
      case "resolve":
        return this.#resolve(node, effect.key);
      case "enqueue": {
        const { key, token, number, arrived } = effect;
        return this.#toHost(node, () => this.#enqueue(node, key, token, number, arrived));
      }
      case "reply":
        return this.#ended(node, effect.askId, effect.outcome.kind === "ok" ? "answered" : effect.outcome.failure.fate);
      case "failed":
        return this.#ended(node, effect.askId, effect.fate);
      case "deadLetter":
        return this.#died(effect.payload, effect.reason);
      case "viewWanted":
        return; // Views come by themselves here.
      case "closeLink":
        throw new Violation("a link was closed");
      default:
        effect satisfies never;
    }
  }

  #transmit(node: Node, to: NodeId, generation: number, message: RouterMessage) {
    const pair = this.#pairs.find(({ ends }) => ends.includes(node) && ends.some(({ id }) => id === to));
    const peer = pair?.ends.find(({ id }) => id === to);
    if (pair === undefined || peer === undefined) throw new Violation("a frame to nobody");
    if (message.kind === "user") {
      if (node.lease !== "held" && message.sender !== undefined) throw new Violation("a frozen node has sent");
      const sent = this.#messageOf(message.payload);
      sent.carrier = { pair, generation };
    }
    const line = `${node.id}${to}${generation}`;
    const at = Math.max((this.#arrivals.get(line) ?? 0) + 0.001, this.#now + 1 + this.#delay());
    this.#arrivals.set(line, at);
    this.#at(at, () => {
      // A new link is accepted before its first frame is read. What an old one carried may come late, or not at all.
      this.#linkUp(pair, peer, node, generation);
      if (this.#cut.has(line)) return;
      if (generation < pair.generation && this.#upTo(3) < 1) {
        this.#cut.add(line);
        return;
      }
      this.#step(peer, { kind: "received", from: node.id, generation, message });
    });
  }

  #resolve(node: Node, key: string) {
    this.#at(this.#now + 2 + this.#upTo(15), () => {
      const { holder, token } = this.#recordOf(key);
      const isBusy = this.#upTo(20) < 1;
      this.#at(this.#now + 2 + this.#upTo(15), () => {
        if (isBusy) this.#step(node, { kind: "absent", key, reason: "timeout" });
        else if (holder === undefined) this.#step(node, { kind: "absent", key, reason: "absent" });
        else this.#step(node, { kind: "resolved", key, holder, token });
      });
    });
  }

  // --- what was promised ---

  #ran({ payload, token }: { readonly payload: unknown; readonly token: Version }, at: Version) {
    const message = this.#messageOf(payload);
    if (!isSameVersion(token, at)) throw new Violation(`message ${message.id} ran at another activation`);
    if (message.ran) throw new Violation(`message ${message.id} ran twice`);
    if (message.dead !== undefined) throw new Violation(`message ${message.id} ran after it was ${message.dead}`);
    message.ran = true;
    const tokenText = message.senderToken === undefined ? "-" : `${message.senderToken.seq}`;
    const line = `${message.sender} ${tokenText} ${message.target}`;
    const last = this.#lastRun.get(line);
    if (last !== undefined && last.id > message.id) throw new Violation(`${message.id} ran after ${last.id}`);
    this.#lastRun.set(line, message);
    if (message.senderToken === undefined) return;
    const newest = this.#lastToken.get(`${message.sender} ${message.target}`);
    if (newest !== undefined && isOlder(message.senderToken, newest)) {
      throw new Violation(`${message.id} of a removed activation ran after one of its successor`);
    }
    this.#lastToken.set(`${message.sender} ${message.target}`, message.senderToken);
  }

  #ended(node: Node, askId: number, fate: "answered" | Fate) {
    const message = this.#messageOf(askId);
    message.ends++;
    if (message.ends > 1) throw new Violation(`ask ${askId} ended twice`);
    if (fate === "answered" && !message.ran) throw new Violation(`ask ${askId} was answered and never ran`);
    if (fate === "not-delivered") {
      if (message.ran) throw new Violation(`ask ${askId} ran and was said not to be delivered`);
      message.dead = "failed undelivered";
    }
    const isParked = message.senderToken !== undefined && node.lease === "frozen";
    if (isParked) throw new Violation(`ask ${askId} ended while its node was frozen`);
    const latest = message.deadline + TICK_MS + 1;
    if (this.#now > latest && !this.#faults.freezes && !this.#faults.removal) {
      throw new Violation(`ask ${askId} ended ${this.#now - message.deadline} ms after its deadline`);
    }
  }

  #died(payload: unknown, reason: string) {
    const message = this.#messageOf(payload);
    if (message.ran) throw new Violation(`message ${message.id} ran and is a dead letter: ${reason}`);
    if (!message.isAsk && message.dead !== undefined) throw new Violation(`message ${message.id} died twice`);
    message.dead = reason;
    const isLawful = reason === "actor-stopped" || reason === "actor-not-found"
      ? this.#faults.stops
      : reason === "old-link"
      ? this.#faults.resets || this.#faults.removal
      : reason === "sender-gone" || reason === "fenced"
      ? this.#faults.removal
      : false;
    if (!isLawful) throw new Violation(`message ${message.id} is a dead letter: ${reason}`);
  }

  #settled(): Summary {
    for (const message of this.#messages) {
      if (message.isAsk && message.ends !== 1) throw new Violation(`ask ${message.id} did not end`);
      if (message.isAsk || message.ran || message.dead !== undefined) continue;
      if (!this.#isLostWithLink(message)) throw new Violation(`message ${message.id} is lost`);
      this.#lostWithLinks++;
    }
    for (const { router, isRemoved, id } of this.#nodes) {
      if (isRemoved) continue;
      const { moving, flushes, bytes } = router.routes;
      if (moving.size + flushes.size + bytes > 0) throw new Violation(`${id} still has routes on the move`);
      if (router.receiving.bouncing.size > 0) throw new Violation(`${id} bounces a route for ever`);
      if (router.asks.pending.size + router.asks.parked.size > 0) throw new Violation(`${id} still has asks`);
    }
    const sum = (of: (router: RouterState) => number) => this.#nodes.reduce((all, { router }) => all + of(router), 0);
    return {
      sent: this.#messages.length,
      run: this.#messages.filter(({ ran }) => ran).length,
      deadLetters: sum(({ counts }) => counts.deadLetters),
      lostWithLinks: this.#lostWithLinks,
      bounces: sum(({ counts }) => counts.bounces),
      asksFailed: this.#messages.filter(({ isAsk, ran }) => isAsk && !ran).length,
    };
  }

  #isLostWithLink({ carrier, node }: Message): boolean {
    if (node.isRemoved) return true;
    if (carrier === undefined) return false;
    return carrier.generation < carrier.pair.generation || carrier.pair.ends.some(({ isRemoved }) => isRemoved);
  }

  // --- the means ---

  #nodeOf(id: NodeId, index: number): Node {
    const router = createRouter(id, this.#rules, { mono: instant(0), wall: 0 });
    if (this.#faults.evictions) router.routes.settledMax = 1;
    const ringMs = index % 2 === 0 ? 0 : 6;
    return {
      id,
      router,
      mailboxes: [],
      ringMs,
      toHostAt: 0,
      fromHostAt: 0,
      lease: "held",
      freezes: 0,
      isRemoved: false,
      effects: [],
      isPerforming: false,
    };
  }

  #node(index: number): Node {
    const node = this.#nodes[index];
    if (node === undefined) throw new Error("no such node");
    return node;
  }

  #recordOf(key: string): Held {
    const record = this.#records.get(key);
    if (record === undefined) throw new Error("no such key");
    return record;
  }

  #messageOf(payload: unknown): Message {
    const message = typeof payload === "number" ? this.#messages[payload - 1] : undefined;
    if (message === undefined) throw new Violation("a message that nobody sent");
    return message;
  }

  #token(): Version {
    return { cfg: epoch(1), seq: ++this.#tokens };
  }

  #delay(): number {
    return this.#upTo(15) < 1 ? this.#upTo(80) : this.#upTo(20);
  }

  #at(at: number, act: () => void) {
    this.#queue.add({ at: Math.max(at, this.#now), act });
  }

  #every(from: number, stepMs: number, until: number, act: () => void) {
    const again = (at: number) => {
      if (at > until) return;
      this.#at(at, () => {
        act();
        again(at + (at < ACTIVE_MS + 1_500 ? stepMs : 10 * stepMs));
      });
    };
    again(from);
  }

  /** From 0 to below `max`, in thousandths. */
  #upTo(max: number): number {
    return below(this.#random, max * 1_000) / 1_000;
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[below(this.#random, items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}

/** A view with these members and nothing else in it. */
export function viewOf(number: number, ids: readonly NodeId[]): View {
  return {
    clusterId: "c",
    draft: `d${number}`,
    epoch: epoch(number),
    rule: { kind: "dynamic" },
    members: ids.map((id) => ({
      id,
      address: `${id}:1`,
      zone: "",
      roles: [],
      kinds: [],
      joinEpoch: epoch(1),
      status: "up",
      capacity: 1,
    })),
    voters: [],
    need: 1,
    leader: ids[0],
    leaderTerm: epoch(1),
    partitions: [],
    removed: [],
  };
}

interface WorldEvent {
  readonly at: number;
  readonly act: () => void;
}

/** Events by time, then by the order they were added: a binary heap. */
class EventQueue {
  readonly #heap: { readonly event: WorldEvent; readonly order: number }[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(event: WorldEvent) {
    const heap = this.#heap;
    let at = heap.push({ event, order: this.#added++ }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  take(): WorldEvent | undefined {
    const heap = this.#heap;
    if (heap.length > 1) this.#swap(0, heap.length - 1);
    const taken = heap.pop();
    for (let at = 0;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (this.#isBefore(child, least)) least = child;
      if (least === at) return taken?.event;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#heap[one];
    const b = this.#heap[other];
    if (a === undefined || b === undefined) return false;
    return a.event.at < b.event.at || (a.event.at === b.event.at && a.order < b.order);
  }

  #swap(one: number, other: number) {
    const a = this.#heap[one];
    const b = this.#heap[other];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}
