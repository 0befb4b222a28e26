/**
 * How a story says who, and what a view changes. Pure.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { ClusterOperation } from "./cluster_process.ts";
import { isMember, memberOf, type View } from "../cluster/view.ts";

/** Knows the nodes of a run by short names. */
export interface Namer {
  nameOf(id: NodeId): string;
}

/** Names in their order, numbers by size: `n0, n1 and n10`. */
export function listed(names: readonly string[]): string {
  const sorted = names.toSorted((one, other) => one.localeCompare(other, "en", { numeric: true }));
  const last = sorted.at(-1) ?? "nobody";
  return sorted.length < 2 ? last : `${sorted.slice(0, -1).join(", ")} and ${last}`;
}

/** What a user asks of a whole node. */
export function operationWords(operation: ClusterOperation): string {
  switch (operation.kind) {
    case "spawn":
      return `spawn a${operation.name}`;
    case "singleton":
      return `let there be one singleton ${operation.name % 2} in the cluster`;
    case "stop":
      return `stop a${operation.name}`;
    case "locate":
      return `say where a${operation.name} is`;
    case "message": {
      const what = operation.isAsk ? "ask" : "tell";
      return `${what} ${operation.isGrain ? `grain g${operation.name}` : `a${operation.name}`} something`;
    }
    case "passivate":
      return "put an idle grain to sleep";
    case "leave":
      return "leave the cluster";
    case "condemn":
      return "declare another member dead";
    default:
      return operation satisfies never;
  }
}

/** What a view changes; all of it when the one before is not known. */
export function viewWords(before: View | undefined, view: View, namer: Namer): string {
  const parts: string[] = [];
  const nameOf = (id: NodeId) => namer.nameOf(id);
  const names = (ids: readonly { readonly id: NodeId }[]) => listed(ids.map(({ id }) => nameOf(id)));
  const joined = view.members.filter(({ id }) => before === undefined || !isMember(before, id));
  if (before === undefined) parts.push(`members ${names(view.members)}`);
  else if (joined.length > 0) parts.push(`${names(joined)} in`);
  const gone = before?.members.filter(({ id }) => !isMember(view, id)) ?? [];
  if (gone.length > 0) parts.push(`${names(gone)} OUT`);
  const leaving = view.members.filter(({ id, status }) =>
    status === "leaving" && before !== undefined && memberOf(before, id)?.status === "up"
  );
  if (leaving.length > 0) parts.push(`${names(leaving)} leaving`);
  const voters = names(view.voters);
  if (before === undefined || names(before.voters) !== voters) parts.push(`voters ${voters}`);
  if (view.leader !== before?.leader) {
    parts.push(`leader ${view.leader === undefined ? "nobody" : nameOf(view.leader)}`);
  }
  parts.push(...placeWords(before, view, nameOf));
  return parts.length === 0 ? "nothing else changes" : parts.join("; ");
}

/** Partitions that begin to go elsewhere, and that have arrived. */
function placeWords(before: View | undefined, view: View, nameOf: (id: NodeId) => string): readonly string[] {
  const begun: string[] = [];
  const arrived: string[] = [];
  for (const [partition, { group, cfg, next }] of view.partitions.entries()) {
    const place = before?.partitions[partition];
    const to = (ids: readonly NodeId[]) => ids.map(nameOf).join(" ");
    if (next !== undefined && place?.next?.cfg !== next.cfg) begun.push(`p${partition} to ${to(next.group)}`);
    if (place !== undefined && place.cfg !== cfg) arrived.push(`p${partition} owned by ${to(group.slice(0, 1))}`);
  }
  return [
    ...(arrived.length > 0 ? [arrived.join(", ")] : []),
    ...(begun.length > 0 ? [`on their way: ${begun.join(", ")}`] : []),
  ];
}
