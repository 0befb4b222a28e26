/**
 * A connection to NATS that ends when it should. Touches the SDK, which is imported when a connection is made and not
 * before: a program without one loads nothing.
 *
 * One idea: the SDK lets go of the socket of an attempt only when it makes the next one, so an attempt that hangs is
 * followed by one to nowhere. Without it a server that accepts and says nothing would keep a socket, and by it the
 * process, for as long as it likes.
 *
 * Invariant: after a connection was let go of, or was not made, no socket of it stays open longer than one attempt.
 *
 * @module
 */
import type { NatsConnection, NodeConnectionOptions, Server, Status } from "@nats-io/transport-node";
import type { NatsSettings } from "./nats_options.ts";
import { type BoundedWait, discoveryFailed, type Outside, reasonOf, untilAborted } from "./waiting.ts";

/** Milliseconds one attempt may take, at least and at most: the wait is shared among the servers. */
const DIAL_MS_MIN = 500;
const DIAL_MS_MAX = 5_000;
/** Milliseconds between two attempts at one server, once a connection is lost; as much again is chance. */
const REDIAL_MS = 500;
/** Milliseconds between two pings: a server that has not answered two of them is gone. */
const PING_MS = 2_000;
const PINGS_MAX = 2;
/** Nobody can listen on port 0: an attempt fails at once, without leaving this machine. */
const NOWHERE = "127.0.0.1:0";

/** A connection, and what becomes of it. */
export interface NatsLink {
  readonly connection: NatsConnection;
  /** Whether the server is there, as far as is known. */
  readonly isConnected: boolean;
  /** Lets go. Nothing is sent or heard any more; resolves when the SDK is done, which may take one attempt. */
  leave(): Promise<void>;
}

/** Told of what becomes of a connection. */
export type HearStatus = (status: Status) => void;

/** Whether a connection is to end, as the SDK asks before each attempt. */
interface Leaving {
  isLeaving: boolean;
  wasNowhere: boolean;
}

/**
 * Connects to one of the servers, within the wait. From then on the SDK connects anew by itself, for ever, and
 * subscriptions come back with the connection.
 *
 * @throws {ActorError} `discovery-failed`, not delivered, with the reason of the last server.
 */
export async function connectNats(
  settings: NatsSettings,
  name: string,
  wait: BoundedWait,
  outside: Outside,
  hear: HearStatus,
): Promise<NatsLink> {
  const { connect } = await sdk();
  const leaving: Leaving = { isLeaving: false, wasNowhere: false };
  const servers = shuffled(settings.servers);
  const dialMs = Math.min(DIAL_MS_MAX, Math.max(DIAL_MS_MIN, Math.ceil(wait.timeoutMs / servers.length)));
  const options = optionsOf(settings, name, dialMs, leaving);
  const startedMs = outside.now();
  const connecting = connect({ ...options, servers: [...servers, NOWHERE] }).catch((thrown) => {
    // Timers are exact to a millisecond or two.
    const mayHaveHung = outside.now() - startedMs >= dialMs - 10;
    if (mayHaveHung || leaving.isLeaving) {
      throw new Error(`a server has not answered in ${dialMs} ms`, { cause: thrown });
    }
    // The attempt to nowhere has hidden the reason of the one before. None of them hangs: ask them once more for it.
    return connect({ ...options, servers: [...servers] });
  });
  try {
    const connection = await untilAborted(connecting, wait.signal);
    return followed(connection, servers, leaving, hear);
  } catch (thrown) {
    leaving.isLeaving = true;
    connecting.then((late) => late.close()).catch(() => {});
    throw discoveryFailed("connect to NATS", `${servers.join(", ")}: ${reasonOf(thrown)}`, thrown);
  }
}

function followed(
  connection: NatsConnection,
  servers: readonly string[],
  leaving: Leaving,
  hear: HearStatus,
): NatsLink {
  // Servers that failed before this one was found are not tried again otherwise.
  const known = connection.getServers().map(({ listen }) => listen);
  connection.setServers([...new Set([...known, ...servers, NOWHERE])]);
  let isConnected = true;
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "close") isConnected = false;
      if (status.type === "reconnect") isConnected = true;
      if (isConnected && leaving.isLeaving) connection.close().catch(() => {});
      hear(status);
    }
  })();
  return {
    connection,
    get isConnected() {
      return isConnected;
    },
    leave: async () => {
      leaving.isLeaving = true;
      // To close it while it dials would leave a socket that hangs. It is asked before the next attempt instead.
      if (isConnected) await connection.close();
      else await connection.closed();
    },
  };
}

function optionsOf(
  { user, pass, token, tls }: NatsSettings,
  name: string,
  dialMs: number,
  leaving: Leaving,
): NodeConnectionOptions {
  return {
    name,
    timeout: dialMs,
    // `servers` is in the order of this connection already, and must end with nowhere.
    noRandomize: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: REDIAL_MS,
    reconnectJitter: REDIAL_MS,
    reconnectJitterTLS: REDIAL_MS,
    // Credentials may be refused for a while, during a change of them: that is no reason to stop for ever.
    ignoreAuthErrorAbort: true,
    pingInterval: PING_MS,
    maxPingOut: PINGS_MAX,
    reconnectToServer: (pool) => nextOf(pool, leaving),
    ...(user === undefined ? {} : { user, pass }),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  };
}

/** Where the next attempt goes: the SDK's choice (`null`); for a connection that is let go of, nowhere, and then none. */
function nextOf(pool: readonly Server[], leaving: Leaving): Server | null {
  if (!leaving.isLeaving) return null;
  const nowhere = pool.find(({ listen }) => listen === NOWHERE);
  if (leaving.wasNowhere || nowhere === undefined) throw new Error("the connection is let go of");
  leaving.wasNowhere = true;
  return nowhere;
}

async function sdk(): Promise<typeof import("@nats-io/transport-node")> {
  try {
    // A literal, so that bundlers see it.
    return await import("@nats-io/transport-node");
  } catch (thrown) {
    const reason = `the package @nats-io/transport-node cannot be loaded: ${reasonOf(thrown)}`;
    throw discoveryFailed("connect to NATS", reason, thrown);
  }
}

/** In another order for each node, so that they don't all go to the same server. */
function shuffled(servers: readonly string[]): readonly string[] {
  const drawn = servers.map((server) => ({ server, draw: Math.random() }));
  return drawn.sort((a, b) => a.draw - b.draw).map(({ server }) => server);
}
