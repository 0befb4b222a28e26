/**
 * Why a node may not run actors yet, as the failure of whoever waits no longer. Pure.
 *
 * One idea: who starts a node at night has only these words. They say what was looked for, what was seen, and what is
 * missing, as numbers and addresses.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { ClusterSettings } from "../cluster/settings.ts";
import { memberOf, type View } from "../cluster/view.ts";
import type { LinkRefusal } from "../remoting/links.ts";

/** What a node has tried to find a cluster. */
export interface Search {
  /** Its own address. */
  readonly address: string;
  readonly settings: ClusterSettings;
  readonly bootstrapTimeoutMs: number;
  /** What discovery last named, and why it last failed. */
  readonly discovered: readonly string[];
  readonly discoveryFailure: string | undefined;
  /** Handshakes that failed lately. */
  readonly refusals: readonly LinkRefusal[];
}

/** It is in no cluster: `seen` are the nodes that were there. */
export function inNoCluster(search: Search, seen: readonly string[], reason: string): ActorError {
  const { address, settings: { minimumPeersQuorum, rule }, bootstrapTimeoutMs, discovered, discoveryFailure } = search;
  const others = seen.filter((one) => one !== address);
  const known = rule.kind === "seeds" ? rule.seeds : [...new Set([address, ...discovered])];
  const here = known.filter((one) => one === address || others.includes(one)).length;
  const asked = rule.kind === "seeds" ? "seeds" : "addresses";
  const missing = Math.max(0, minimumPeersQuorum - 1 - others.length);
  const handshakes = [
    ...new Set(search.refusals.map(({ address: at, code, words: why }) => `${at}: ${code} (${why})`)),
  ];
  const parts = [
    `Cannot join or found a cluster in ${bootstrapTimeoutMs} ms: ${reason}`,
    `discovery named ${listed(discovered)}${discoveryFailure === undefined ? "" : ` (${discoveryFailure})`}`,
    `seen ${listed(others)}${missing === 0 ? "" : `, and minimumPeersQuorum asks for ${missing} more`}`,
    ...(2 * here > known.length ? [] : [`${here} of ${known.length} ${asked} are here, and more than half must be`]),
    ...(handshakes.length === 0 ? [] : [`failed handshakes: ${handshakes.join("; ")}`]),
  ];
  return new ActorError("bootstrap-timeout", parts.join("; "), {
    details: { seen: others, missing, discovered, handshakes, reason },
  });
}

/** It is in a cluster of which the store says nothing. */
export function withoutGeneration({ epoch, clusterId }: View, waitedMs: number): ActorError {
  return new ActorError(
    "bootstrap-timeout",
    `Cannot begin: the store has not said in ${waitedMs} ms which generation this cluster is`,
    { details: { epoch, clusterId } },
  );
}

/** It is in a cluster whose voters it does not reach. */
export function withoutLease(view: View, waitedMs: number): ActorError {
  const voters = view.voters.map(({ id }) => memberOf(view, id)?.address ?? id).join(", ");
  return new ActorError(
    "bootstrap-timeout",
    `Cannot begin: this node is in view ${view.epoch}, and has had no lease in ${waitedMs} ms: ` +
      `it does not reach enough of the voters, which are ${voters}`,
    { details: { epoch: view.epoch, voters } },
  );
}

/** All is over, also for whoever waits. */
export function systemStopped(): ActorError {
  return new ActorError("system-stopping", "Cannot wait for the cluster: the system has stopped", { fate: "unknown" });
}

function listed(addresses: readonly string[]): string {
  return addresses.length === 0 ? "nobody" : addresses.join(", ");
}
