/**
 * Asks DNS servers one question: over datagrams, over a connection when the reply is too long for one, and the next
 * server when one is silent or can't say. Touches sockets, timers and chance.
 *
 * One idea: a reply is taken from the first server that can give one. What a server can't say is no reply, and when none
 * of them has one, the lookup fails: it never comes back empty instead.
 *
 * Invariant: when a lookup has settled, its sockets are closed.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { randomInt } from "node:crypto";
import { getServers } from "node:dns";
import { createConnection, isIP, isIPv6 } from "node:net";
import { addressOf, canonicalIpv6, parseAddress } from "./address.ts";
import {
  decodeReply,
  encodeQuestion,
  type Found,
  type Question,
  type RecordType,
  REPLY_BYTES_MAX,
} from "./dns_message.ts";
import type { Reply } from "./dns_message.ts";
import { type BoundedWait, discoveryFailed, type Outside, reasonOf } from "./waiting.ts";

/**
 * Milliseconds one server has for one reply, or less: all servers have their turn before the wait ends. A lost datagram
 * is sent again after that.
 */
const TRY_MS_MAX = 1_000;
/** How often all servers are asked before the lookup fails, even if there is time left. */
export const ROUNDS_MAX = 3;
/** Servers that are asked, the first ones of those there are. */
export const SERVERS_MAX = 8;

const DNS_PORT = 53;

/** Where a DNS server listens. */
export interface DnsServer {
  /** An IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What a lookup found. */
export interface Lookup {
  readonly found: readonly Found[];
  /** Records of the reply that made no sense. */
  readonly malformed: number;
}

/**
 * What `servers` say about a name.
 *
 * @throws {ActorError} `discovery-failed`, not delivered: no server has a reply, or the wait has ended.
 */
export async function lookUp(
  name: string,
  type: RecordType,
  servers: readonly DnsServer[],
  wait: BoundedWait,
  outside: Outside,
): Promise<Lookup> {
  const what = `look up ${name} (${type})`;
  const refusals = new Map<DnsServer, string>();
  if (servers.length === 0) throw discoveryFailed(what, "this machine knows no DNS server");
  const asked = servers.slice(0, SERVERS_MAX);
  const tries: Tries = {
    tryMs: Math.min(TRY_MS_MAX, wait.timeoutMs / (asked.length + 1)),
    signal: wait.signal,
    outside,
  };
  for (let round = 0; round < ROUNDS_MAX; round++) {
    for (const server of asked) {
      const reply = await ask(server, { id: randomInt(0x1_0000), name, type }, tries);
      if (reply.kind === "found") return reply;
      refusals.set(server, reply.kind === "silent" ? "it is silent" : reply.reason);
    }
    // Whoever can't say now can't in the next moment. Silence may have been a lost datagram.
    if (![...refusals.values()].includes("it is silent")) break;
  }
  const reasons = Array.from(refusals, ([{ host, port }, reason]) => `${addressOf(host, port)}: ${reason}`);
  throw discoveryFailed(what, reasons.join("; "));
}

/** The DNS servers this machine uses. */
export function systemServers(): readonly DnsServer[] {
  return getServers().flatMap((text) => parseServer(text) ?? []);
}

/** A server from `10.0.0.2`, `10.0.0.2:5353`, `fd00::2` or `[fd00::2]:5353`; `undefined` when it is none of these. */
export function parseServer(raw: unknown): DnsServer | undefined {
  if (typeof raw !== "string") return undefined;
  // With the scope that a link-local address of the machine's own settings may have.
  if (isIP(raw) !== 0) return { host: raw, port: DNS_PORT };
  const address = parseAddress(raw);
  return address !== undefined && isIP(address.host) !== 0 ? { host: address.host, port: address.port } : undefined;
}

/** What one try says; `silent` when its time was over. */
type Tried = Reply | { readonly kind: "silent" };
/** Ends a try; the first one counts. */
type Done = (tried: Tried) => void;

/** What all tries of a lookup share. */
interface Tries {
  readonly tryMs: number;
  readonly signal: AbortSignal;
  readonly outside: Outside;
}

async function ask(
  server: DnsServer,
  question: Question,
  tries: Tries,
): Promise<Exclude<Tried, { readonly kind: "truncated" }>> {
  const tried = await once(tries, (done) => askByDatagram(server, question, done));
  if (tried.kind !== "truncated") return tried;
  const whole = await once(tries, (done) => askByConnection(server, question, done));
  return whole.kind === "truncated" ? { kind: "refused", reason: "it has no whole reply" } : whole;
}

/** One try: until it is done, its time is over, or the wait ends. `begin` answers what closes its socket. */
async function once({ tryMs, signal, outside }: Tries, begin: (done: Done) => () => void): Promise<Tried> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Tried>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  const cancel = outside.later(tryMs, () => resolve({ kind: "silent" }));
  let close = (): void => {};
  try {
    close = begin(resolve);
    return await promise;
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
    close();
  }
}

function askByDatagram(server: DnsServer, question: Question, done: Done): () => void {
  const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
  socket.on("error", (error) => done({ kind: "refused", reason: reasonOf(error) }));
  socket.on("message", (bytes, from) => {
    // A connected socket hears nobody else, but not on every runtime.
    if (from.port !== server.port || plainHost(from.address) !== plainHost(server.host)) return;
    const reply = decodeReply(bytes, question);
    if (reply !== undefined) done(reply);
  });
  let isClosed = false;
  socket.connect(server.port, server.host, () => {
    if (!isClosed) socket.send(encodeQuestion(question));
  });
  return () => {
    isClosed = true;
    socket.close();
  };
}

function askByConnection(server: DnsServer, question: Question, done: Done): () => void {
  const refuse = (reason: string): void => done({ kind: "refused", reason });
  const socket = createConnection(server.port, server.host);
  let received = new Uint8Array(0);
  socket.on("error", (error) => refuse(reasonOf(error)));
  socket.on("close", () => refuse("it has closed the connection"));
  socket.on("connect", () => {
    const bytes = encodeQuestion(question);
    socket.write(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff, ...bytes));
  });
  socket.on("data", (bytes: Uint8Array) => {
    received = joined(received, bytes);
    const due = received.length < 2 ? REPLY_BYTES_MAX : ((received[0] ?? 0) << 8) + (received[1] ?? 0);
    if (received.length < 2 + due) return;
    const reply = decodeReply(received.subarray(2, 2 + due), question);
    if (reply === undefined) refuse("its reply makes no sense");
    else done(reply);
  });
  return () => socket.destroy();
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/** The host as a text that can be compared: without a scope, in the one spelling. */
function plainHost(host: string): string {
  const plain = host.split("%")[0] ?? host;
  return canonicalIpv6(plain) ?? plain;
}
