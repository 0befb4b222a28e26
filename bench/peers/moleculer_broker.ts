/**
 * moleculer's brokers, as far as the bench uses them: loaded from where `moleculer_package.ts` has installed the package.
 *
 * @module
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { MOLECULER_FOLDER_VARIABLE } from "./moleculer_package.ts";

/** What an action or an event handler is told. */
export interface MoleculerContext<Params> {
  readonly params: Params;
}

/** The part of a broker that is used here. */
export interface MoleculerBroker {
  createService(schema: object): unknown;
  start(): Promise<void>;
  waitForServices(names: readonly string[], timeoutMs: number): Promise<unknown>;
  call(action: string, params: object, options?: object): Promise<unknown>;
  emit(event: string, payload: object): Promise<unknown>;
}

/** A broker that finds others at these ports only. Its own is its node's among them. */
export function moleculerBroker(ports: Readonly<Record<string, number>>, nodeID: string): MoleculerBroker {
  const folder = process.env[MOLECULER_FOLDER_VARIABLE] ?? "";
  const load = createRequire(join(folder, "package.json"));
  const { ServiceBroker } = load("moleculer") as { readonly ServiceBroker: new (options: object) => MoleculerBroker };
  const urls = Object.entries(ports).map(([node, port]) => `127.0.0.1:${port}/${node}`);
  return new ServiceBroker({
    nodeID,
    logger: false,
    transporter: { type: "TCP", options: { udpDiscovery: false, port: ports[nodeID], urls, gossipPeriod: 0.2 } },
    requestTimeout: 60_000,
    // Nothing that the others do not do either.
    tracking: { enabled: false },
    metrics: false,
    tracing: false,
  });
}
