/**
 * What stands between the nodes of a group in place of a network: every connection leads through this process, which can
 * cut it in one direction or in both. Touches the network.
 *
 * One idea: a cut closes nothing. What is sent into it is kept and goes nowhere, as packets do; when it is mended it
 * arrives late, or, if the test wants so, the connection is reset.
 *
 * Each node has a door: the port that the others are told to dial. Who it is that dials is read from its handshake, so a
 * connection in the middle of a cut gets as far as the dialer's name.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";
import { decodeIdentity } from "../../remoting/handshake_frames.ts";
import { HEADER_BYTES, TYPE_IDENTITY } from "../../remoting/wire.ts";

/** A direction between two nodes, by their names. */
export interface Way {
  readonly from: string;
  readonly to: string;
}

/** A node's own port, and its door. */
export interface Door {
  readonly name: string;
  readonly ownPort: number;
  readonly doorPort: number;
}

/** Bytes a cut keeps in each direction of one connection. More than any node sends into it in a test. */
const KEPT_BYTES_MAX = 64 << 20;

/** The doors of a group. */
export class Doors {
  readonly #servers: Server[] = [];
  readonly #passages = new Set<Passage>();
  readonly #cuts = new Set<string>();
  readonly #names = new Map<string, string>();

  /** Opens a door for each node. */
  static async open(doors: readonly Door[]): Promise<Doors> {
    const all = new Doors();
    for (const { name, doorPort } of doors) all.#names.set(`127.0.0.1:${doorPort}`, name);
    await Promise.all(doors.map((door) => all.#open(door)));
    return all;
  }

  /** Cuts these ways, beside those that are cut already. */
  cut(ways: readonly Way[]): void {
    for (const way of ways) this.#cuts.add(textOf(way));
  }

  /** Mends everything: what was sent into the cuts arrives now. With `isReset` the connections they hit are reset instead. */
  mend(isReset = false): void {
    this.#cuts.clear();
    for (const passage of [...this.#passages]) {
      if (isReset && passage.wasCut) passage.reset();
      else passage.flush();
    }
  }

  /** Closes all. */
  async close(): Promise<void> {
    for (const passage of [...this.#passages]) passage.reset();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #open({ name, ownPort, doorPort }: Door): Promise<void> {
    const server = createServer((outer) => this.#enter(name, ownPort, outer));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(doorPort, "127.0.0.1", resolve);
    });
  }

  #enter(to: string, ownPort: number, outer: Socket): void {
    const inner = connect(ownPort, "127.0.0.1");
    const passage: Passage = new Passage(outer, inner, {
      to,
      isCut: (way) => this.#cuts.has(textOf(way)),
      nameOf: (address) => this.#names.get(address),
      ended: () => this.#passages.delete(passage),
    });
    this.#passages.add(passage);
  }
}

/** Both ways between some nodes and the rest. */
export function around(some: readonly string[], all: readonly string[]): readonly Way[] {
  return [...outOf(some, all), ...into(some, all)];
}

/** What some nodes say to the rest. */
export function outOf(some: readonly string[], all: readonly string[]): readonly Way[] {
  const rest = all.filter((name) => !some.includes(name));
  return some.flatMap((from) => rest.map((to) => ({ from, to })));
}

/** What some nodes hear of the rest. */
export function into(some: readonly string[], all: readonly string[]): readonly Way[] {
  return outOf(some, all).map(({ from, to }) => ({ from: to, to: from }));
}

interface PassageOptions {
  readonly to: string;
  readonly isCut: (way: Way) => boolean;
  readonly nameOf: (address: string) => string | undefined;
  readonly ended: () => void;
}

/** One connection. */
class Passage {
  /** Whether anything of it was kept back. */
  wasCut = false;
  readonly #outer: Socket;
  readonly #inner: Socket;
  readonly #options: PassageOptions;
  readonly #sniffer = new Sniffer();
  /** Who dialed, once that is known. */
  #from: string | undefined = undefined;
  readonly #kept: Record<"in" | "out", Uint8Array[]> = { in: [], out: [] };
  #keptBytes = 0;
  #hasClosedEnd = false;
  #isEnded = false;

  constructor(outer: Socket, inner: Socket, options: PassageOptions) {
    this.#outer = outer;
    this.#inner = inner;
    this.#options = options;
    for (const socket of [outer, inner]) {
      socket.setNoDelay(true);
      socket.on("error", () => this.reset());
      socket.on("close", () => this.#closed());
    }
    outer.on("data", (chunk) => this.#passIn(chunk));
    inner.on("data", (chunk) => this.#pass("out", chunk));
  }

  /** Sends on what was kept and may go. */
  flush(): void {
    for (const way of ["in", "out"] as const) {
      if (this.#isCut(way)) continue;
      for (const chunk of this.#kept[way].splice(0)) this.#send(way, chunk);
    }
    this.#keptBytes = 0;
    if (this.#hasClosedEnd) this.reset();
  }

  /** Ends it, without a word to either side but that. */
  reset(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#options.ended();
    for (const socket of [this.#outer, this.#inner]) socket.destroy();
  }

  #passIn(chunk: Uint8Array): void {
    if (this.#from === undefined) {
      const address = this.#sniffer.read(chunk);
      if (address !== undefined) this.#from = this.#options.nameOf(address);
    }
    this.#pass("in", chunk);
  }

  #pass(way: "in" | "out", chunk: Uint8Array): void {
    if (!this.#isCut(way) && this.#kept[way].length === 0) return this.#send(way, chunk);
    this.wasCut = true;
    this.#keptBytes += chunk.length;
    this.#kept[way].push(chunk);
    if (this.#keptBytes > KEPT_BYTES_MAX) this.reset();
  }

  #isCut(way: "in" | "out"): boolean {
    const { isCut, to } = this.#options;
    const from = this.#from;
    if (from === undefined) return false;
    return isCut(way === "in" ? { from, to } : { from: to, to: from });
  }

  #send(way: "in" | "out", chunk: Uint8Array): void {
    (way === "in" ? this.#inner : this.#outer).write(chunk);
  }

  /** One end is closed. Behind a cut the other does not learn of it before it is mended. */
  #closed(): void {
    if (this.#isEnded) return;
    if (!this.#isCut("in") && !this.#isCut("out")) return this.reset();
    this.wasCut = true;
    this.#hasClosedEnd = true;
  }
}

/** Reads along what a dialer sends, until it says who it is. */
class Sniffer {
  #bytes: Uint8Array = new Uint8Array(0);
  #isUpgraded = false;
  #isOver = false;

  /** The dialer's address, when this chunk completes it. */
  read(chunk: Uint8Array): string | undefined {
    if (this.#isOver) return undefined;
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (!this.#isUpgraded) {
      const end = Buffer.from(this.#bytes).indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      this.#isUpgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (let message = this.#next(); message !== undefined; message = this.#next()) {
      if (message[0] !== TYPE_IDENTITY) continue;
      this.#isOver = true;
      this.#bytes = new Uint8Array(0);
      return decodeIdentity(message.subarray(HEADER_BYTES))?.address;
    }
    return undefined;
  }

  /** The next message of WebSocket, as a client sends it: masked, and in one frame. */
  #next(): Uint8Array | undefined {
    const [, second = 0, third = 0, fourth = 0] = this.#bytes;
    const short = second & 0x7f;
    const from = short === 126 ? 4 : 2;
    const length = short === 126 ? third * 256 + fourth : short;
    const end = from + 4 + length;
    if (this.#bytes.length < end) return undefined;
    const mask = this.#bytes.subarray(from, from + 4);
    const payload = this.#bytes.slice(from + 4, end).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    this.#bytes = this.#bytes.subarray(end);
    return payload;
  }
}

function textOf({ from, to }: Way): string {
  return `${from}→${to}`;
}
