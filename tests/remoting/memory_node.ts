/**
 * A node of a network in memory: its links, and what they told it.
 *
 * @module
 */
import { type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { createLinksWith, type Links, type LinksOptions } from "../../remoting/links.ts";
import type { ProtocolRange } from "../../remoting/handshake_frames.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import type { MemoryListener, MemoryNetwork } from "./memory_network.ts";
import { RecordedEvents } from "./recorded_links.ts";

export const SECRET = { id: "k1", value: "a secret of some length" };

export interface MemoryNode {
  readonly id: NodeId;
  readonly address: string;
  readonly listener: MemoryListener;
  readonly events: RecordedEvents;
  readonly links: Links;
}

/** What differs from the usual. */
export interface MemoryNodeOptions extends Partial<Omit<LinksOptions, "listener">> {
  readonly address?: string;
  readonly protocol?: ProtocolRange;
  readonly listener?: MemoryListener;
}

/** The node `name` at `name:1`, unless the options say otherwise. */
export function memoryNode(
  network: MemoryNetwork,
  name: string,
  options: MemoryNodeOptions = {},
): MemoryNode {
  const { address = `${name}:1`, protocol = { min: 1, max: 1 }, listener = network.listen(address), ...given } =
    options;
  const id = nodeId(name);
  const events = new RecordedEvents();
  const made: LinksOptions = {
    self: { id, address },
    clusterName: "test",
    settings: { partitionCount: 271, hash: "murmur" },
    security: { secrets: [SECRET] },
    listener,
    events,
    clock: () => network.nowMs,
    random: seededRandom(name.charCodeAt(0)),
    log: quietLog,
    ...given,
  };
  return { id, address, listener, events, links: createLinksWith(made, network.outside(name), protocol) };
}

/** These nodes are members, and know it. */
export function join(...nodes: readonly MemoryNode[]): void {
  const members = new Map(nodes.map(({ id, address }) => [id, address]));
  for (const { links } of nodes) links.setPeers(members);
}
