/**
 * A network in memory with a clock the test moves: sockets between nodes that are fast, slow, cut, mute, or not read.
 *
 * One idea: everything that happens is an entry with an instant; `advance` runs them in order. Two runs of one test are
 * the same run.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Lane } from "../../remoting/link_refusal.ts";
import type {
  LinkListener,
  LinkOutside,
  LinkSocket,
  SocketAcceptor,
  SocketEvents,
} from "../../remoting/link_socket.ts";

/** Steps of one `advance` after which something runs in a circle. */
const STEPS_MAX = 2_000_000;

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isOver: boolean;
}

export class MemoryNetwork {
  nowMs = 1_000;
  /** Every socket there ever was, in the order of their dials. */
  readonly pairs: MemoryPair[] = [];
  /** How long a batch takes; asked for each. */
  latencyMs: () => number = () => 1;
  /** Whether a dial gets through. */
  mayDial: (from: string, address: string) => boolean = () => true;

  readonly #listeners = new Map<string, MemoryListener>();
  readonly #soon: (() => void)[] = [];
  #entries: Entry[] = [];
  #order = 0;
  #nonce = 0;

  /** The seam of the node that dials from `host`. */
  outside(host: string): LinkOutside {
    return {
      now: () => this.nowMs,
      later: (waitMs, run) => this.later(waitMs, run),
      soon: (task) => void this.#soon.push(task),
      nonce: () => this.#freshNonce(),
      dial: (address, lane, events) => this.#dial(host, address, lane, events),
    };
  }

  /** A listener at `address`, in the place of one that was there. */
  listen(address: string): MemoryListener {
    const listener = new MemoryListener(address.split(":")[0] ?? "");
    this.#listeners.set(address, listener);
    return listener;
  }

  later(waitMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: this.nowMs + waitMs, order: this.#order++, run, isOver: false };
    this.#entries.push(entry);
    return () => void (entry.isOver = true);
  }

  /** Runs everything that is due in the next `ms`. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let steps = 0;; steps++) {
      assert.ok(steps < STEPS_MAX, "something runs in a circle");
      const task = this.#soon.shift();
      if (task !== undefined) {
        task();
        continue;
      }
      const next = this.#takeNext(endMs);
      if (next === undefined) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = endMs;
  }

  /** The clock goes on, and nothing else does: what is due runs late. */
  standStill(ms: number): void {
    this.nowMs += ms;
  }

  /** Sockets that are open on both sides. */
  open(lane?: Lane): readonly MemoryPair[] {
    return this.pairs.filter((pair) => pair.isOpen && (lane === undefined || pair.lane === lane));
  }

  #takeNext(endMs: number): Entry | undefined {
    let next: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.isOver || entry.atMs > endMs) continue;
      if (next === undefined || entry.atMs < next.atMs || (entry.atMs === next.atMs && entry.order < next.order)) {
        next = entry;
      }
    }
    if (next !== undefined) next.isOver = true;
    this.#entries = this.#entries.filter((entry) => !entry.isOver);
    return next;
  }

  #freshNonce(): Uint8Array {
    const nonce = new Uint8Array(32);
    new DataView(nonce.buffer).setUint32(0, ++this.#nonce);
    return nonce;
  }

  #dial(from: string, address: string, lane: Lane, events: SocketEvents): LinkSocket {
    const pair = new MemoryPair(this, from, address, lane);
    this.pairs.push(pair);
    pair.dialer.events = events;
    this.later(this.latencyMs(), () => {
      const acceptor = this.#listeners.get(address)?.acceptor;
      if (acceptor === undefined || !this.mayDial(from, address)) return pair.dialer.closedBy(1006, "refused");
      if (pair.dialer.isClosed) return;
      pair.isOpen = true;
      pair.dialer.events.opened();
      acceptor.incoming({
        lane,
        remoteHost: from,
        take: (taken) => {
          pair.listener.events = taken;
          return pair.listener;
        },
        settled: () => pair.settledCount++,
      });
    });
    return pair.dialer;
  }
}

/** Where sockets arrive. */
export class MemoryListener implements LinkListener {
  readonly hosts: readonly string[];
  readonly isSecure = false;
  acceptor: SocketAcceptor | undefined;

  constructor(host: string) {
    this.hosts = [host];
  }

  accept(acceptor: SocketAcceptor): () => void {
    this.acceptor = acceptor;
    return () => {
      if (this.acceptor === acceptor) this.acceptor = undefined;
    };
  }
}

/** Two ends of one socket. */
export class MemoryPair {
  readonly from: string;
  readonly address: string;
  readonly lane: Lane;
  readonly dialer: MemoryEnd;
  readonly listener: MemoryEnd;
  /** How often the listener was told that the handshake is over. */
  settledCount = 0;
  isOpen = false;
  /** What is sent is lost, and nobody learns it. */
  isMute = false;

  constructor(network: MemoryNetwork, from: string, address: string, lane: Lane) {
    this.from = from;
    this.address = address;
    this.lane = lane;
    this.dialer = new MemoryEnd(network, this, () => this.listener);
    this.listener = new MemoryEnd(network, this, () => this.dialer);
  }

  /** The network breaks it: both ends learn it now. */
  cut(): void {
    this.isOpen = false;
    this.dialer.closedBy(1006, "cut");
    this.listener.closedBy(1006, "cut");
  }
}

const NOTHING: SocketEvents = { opened: () => {}, batch: () => {}, fault: () => {}, closed: () => {} };

/** One end. */
export class MemoryEnd implements LinkSocket {
  readonly remoteHost = "127.0.0.1";
  events: SocketEvents = NOTHING;
  isClosed = false;
  /** Whether this end reads. What is sent to one that doesn't, waits; what it waits for is not "sent". */
  isReading = true;
  /** How long what this end sends takes, if not as long as everything else. */
  latencyMs: number | undefined;
  /** What it said when it closed. */
  closeWords: string | undefined;
  /** Every batch this end has sent. */
  readonly sent: Uint8Array[] = [];

  readonly #network: MemoryNetwork;
  readonly #pair: MemoryPair;
  readonly #other: () => MemoryEnd;
  readonly #held: (() => void)[] = [];
  #arrivesMs = 0;

  constructor(network: MemoryNetwork, pair: MemoryPair, other: () => MemoryEnd) {
    this.#network = network;
    this.#pair = pair;
    this.#other = other;
  }

  send(batch: Uint8Array, sent: () => void): void {
    if (this.isClosed || !this.#pair.isOpen) return;
    this.sent.push(batch);
    this.#pass(() => {
      this.#other().#arrive(batch);
      if (!this.isClosed) sent();
    });
  }

  close(code: number, words: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closeWords = words;
    this.#network.later(2, () => this.events.closed(1006, ""));
    this.#pass(() => {
      this.#pair.isOpen = false;
      this.#other().closedBy(code, words);
    });
  }

  terminate(): void {
    this.close(1006, "");
  }

  /** This end reads again. */
  read(): void {
    this.isReading = true;
    for (const run of this.#held.splice(0)) run();
  }

  /** This end learns that the socket is closed. */
  closedBy(code: number, words: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#network.later(0, () => this.events.closed(code, words));
  }

  /** Something arrives that no node of ours has sent. */
  forge(batch: Uint8Array | undefined): void {
    this.events.batch(batch);
  }

  #arrive(batch: Uint8Array): void {
    if (!this.isClosed) this.events.batch(new Uint8Array(batch));
  }

  // In order, however long each takes.
  #pass(run: () => void): void {
    const latencyMs = this.latencyMs ?? this.#network.latencyMs();
    this.#arrivesMs = Math.max(this.#arrivesMs, this.#network.nowMs + latencyMs);
    this.#network.later(this.#arrivesMs - this.#network.nowMs, () => {
      if (this.#pair.isMute) return;
      const other = this.#other();
      if (other.isReading) run();
      else other.#held.push(run);
    });
  }
}
