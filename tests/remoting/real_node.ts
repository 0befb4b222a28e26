/**
 * A node with a real port, and a way to it that a test can hold up or break. For `tests/integration` only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { createLinks, type Links, type LinksOptions } from "../../remoting/links.ts";
import { listen, type Listener, type ListenOptions } from "../../remoting/listener.ts";
import { eventually } from "../fixtures/conditions.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { RecordedEvents } from "./recorded_links.ts";

export const SECRET = { id: "k1", value: "a secret of some length" };

export interface RealNode {
  readonly id: NodeId;
  readonly listener: Listener;
  readonly links: Links;
  readonly events: RecordedEvents;
  readonly address: string;
  stop(): Promise<void>;
}

/** What differs from the usual. */
export interface RealNodeOptions {
  readonly listen?: Partial<ListenOptions>;
  readonly links?: Partial<LinksOptions>;
}

/** The node `name` at any port of this machine. */
export async function realNode(name: string, options: RealNodeOptions = {}): Promise<RealNode> {
  const listener = await listen({ host: "127.0.0.1", port: 0, ...options.listen });
  const events = new RecordedEvents();
  const id = nodeId(name);
  const links = createLinks({
    self: { id, address: listener.address },
    clusterName: "test",
    settings: { partitionCount: 271 },
    security: { secrets: [SECRET] },
    listener,
    events,
    clock: () => performance.now(),
    random: seededRandom(1),
    log: quietLog,
    ...options.links,
  });
  const stop = async () => {
    await links.close(0);
    await listener.close();
  };
  return { id, listener, links, events, address: listener.address, stop };
}

/** These nodes are members and know it; resolves when all are linked. */
export async function joined(...nodes: readonly RealNode[]): Promise<void> {
  const members = new Map(nodes.map(({ id, address }) => [id, address]));
  for (const { links } of nodes) links.setPeers(members);
  await eventually("all are linked", () => nodes.every(({ events }) => events.upCount === 2 * (nodes.length - 1)));
}

/** The generation of the link that is up now. */
export function generationOf({ events }: RealNode, peer: RealNode, lane: "control" | "data"): number {
  return events.generation(peer.id, lane) ?? assert.fail(`no ${lane} link to ${peer.id}`);
}

/** A port in front of another one: what passes can be held up, or cut. */
export interface Way {
  readonly port: number;
  /** Nothing that comes from the dialer is read any more. */
  hold(): void;
  /** It is again. */
  go(): void;
  /** Every socket is cut. */
  cut(): void;
  close(): Promise<void>;
}

/** Opens a way; where it leads is asked for at each socket. */
export async function openWay(port: () => number): Promise<Way> {
  const pairs = new Map<Socket, Socket>();
  let isHeld = false;
  const server: Server = createServer((inner) => {
    const outer = connect(port(), "127.0.0.1");
    pairs.set(inner, outer);
    for (const [one, other] of [[inner, outer], [outer, inner]] as const) {
      one.on("error", () => {});
      one.on("close", () => {
        pairs.delete(inner);
        other.destroy();
      });
      one.on("data", (bytes) => {
        if (!other.write(bytes)) one.pause();
      });
      other.on("drain", () => {
        if (!isHeld || one !== inner) one.resume();
      });
    }
    if (isHeld) inner.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  const cut = () => {
    for (const [inner, outer] of pairs) {
      inner.destroy();
      outer.destroy();
    }
  };
  return {
    port: bound.port,
    hold: () => {
      isHeld = true;
      for (const inner of pairs.keys()) inner.pause();
    },
    go: () => {
      isHeld = false;
      for (const inner of pairs.keys()) inner.resume();
    },
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
