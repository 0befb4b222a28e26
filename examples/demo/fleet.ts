/**
 * The nodes of one cluster as processes of this machine, on ports that are free. Touches processes and sockets.
 *
 * @module
 */
import { encodeSettings, type NodeSettings, type Profile } from "../bank/node_settings.ts";
import { NodeChild, type NodeProgram } from "./node_child.ts";
import { freePorts } from "./ports.ts";

/** How many nodes: one may be lost, and the others still agree on everything. */
export const NODE_COUNT = 3;

const HOST = "127.0.0.1";

/** What a fleet is made from. */
export interface FleetOptions {
  /** The command that runs a node of this number with these arguments. */
  readonly programOf: (node: number, args: readonly string[]) => NodeProgram;
  /** The first of the ports: three for customers, three for the cluster; `0` is any that are free. */
  readonly port: number;
  /** The SQLite file that all nodes share. */
  readonly db: string;
  readonly workers: number;
  readonly profile: Profile;
}

/** The nodes. */
export class Fleet {
  readonly nodes: readonly NodeChild[];

  private constructor(nodes: readonly NodeChild[]) {
    this.nodes = nodes;
  }

  /** Finds ports; nothing runs yet. */
  static async of({ programOf, port, ...rest }: FleetOptions): Promise<Fleet> {
    const ports = await freePorts(2 * NODE_COUNT, port);
    const [httpPorts, clusterPorts] = [ports.slice(0, NODE_COUNT), ports.slice(NODE_COUNT)];
    const seeds = clusterPorts.map((clusterPort) => `${HOST}:${clusterPort}`);
    return new Fleet(seeds.map((address, index) => {
      const name = `node ${index + 1}`;
      const [httpPort = 0, clusterPort = 0] = [httpPorts[index], clusterPorts[index]];
      const settings: NodeSettings = { name, httpPort, clusterPort, seeds, hasParent: true, ...rest };
      return new NodeChild(name, address, `http://${HOST}:${httpPort}`, programOf(index, encodeSettings(settings)));
    }));
  }

  /** Starts all of them at once; resolves when all serve. Rejects with the first that does not. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start(signal)));
  }

  /** Ends all of them at once; the names of those that had to be killed. */
  async end(): Promise<readonly string[]> {
    const running = this.nodes.filter(({ isRunning }) => isRunning);
    const ended = await Promise.all(running.map(async (node) => ({ node, inOrder: await node.end() })));
    return ended.filter(({ inOrder }) => !inOrder).map(({ node }) => node.name);
  }

  /** What people call the node at `address`. */
  nameOf(address: string): string {
    return this.nodes.find((node) => node.address === address)?.name ?? address;
  }
}
