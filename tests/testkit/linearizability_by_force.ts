/**
 * The linearizability of one name by trying every order: a second implementation, for small histories. Pure.
 *
 * One idea: nothing of the quick checker is shared, so both are wrong only where both were misunderstood.
 *
 * @module
 */
import type { Version } from "../../cluster/engine.ts";
import type { RegistryOperation, Stamp } from "../../testkit/checkers/linearizability.ts";

interface Holder {
  readonly opId: string;
  readonly client: string;
  /** `null` until somebody tells. */
  readonly version: Version | null;
}

interface World {
  readonly holder: Holder | null;
  readonly top: number;
}

/** Whether some order of the operations, each within its time, explains all answers. For up to eight operations. */
export function canBeExplained(operations: readonly RegistryOperation[]): boolean {
  return explain(operations, { holder: null, top: 0 });
}

function explain(rest: readonly RegistryOperation[], world: World): boolean {
  if (rest.every((operation) => !isAnswered(operation))) return true;
  for (const operation of rest) {
    const isTooEarly = rest.some((other) =>
      other !== operation && isAnswered(other) && other.returned !== undefined &&
      isBefore(other.returned, operation.called)
    );
    if (isTooEarly) continue;
    const others = rest.filter((other) => other !== operation);
    for (const next of after(world, operation)) {
      if (explain(others, next)) return true;
    }
  }
  return false;
}

function isAnswered({ returned, call }: RegistryOperation): boolean {
  return returned !== undefined && (call.kind === "get" || call.result.kind !== "unknown");
}

function isBefore(one: Stamp, other: Stamp): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function rank({ cfg, seq }: Version): number {
  return cfg * 1_000 + seq;
}

/** Every state the world may be in after the operation, its answer being true. */
function after(world: World, operation: RegistryOperation): readonly World[] {
  const { call, client } = operation;
  const { holder, top } = world;
  const seeing = (opId: string, version: Version): readonly World[] => {
    if (holder === null || holder.opId !== opId) return [];
    if (holder.version !== null) return rank(holder.version) === rank(version) ? [world] : [];
    return rank(version) > top ? [{ holder: { ...holder, version }, top: rank(version) }] : [];
  };
  if (call.kind === "get") {
    if (!isAnswered(operation)) return [world];
    if (call.seen === null) return holder === null ? [world] : [];
    return seeing(call.seen.opId, call.seen.version);
  }
  const isRepeated = !call.isDelete && holder !== null && holder.opId === call.opId && holder.client === client;
  let fits = false;
  if (call.expect === "absent") fits = holder === null;
  else if (holder !== null) {
    fits = holder.version === null ? rank(call.expect) > top : rank(holder.version) === rank(call.expect);
  }
  const write = (version: Version | null): readonly World[] => {
    const floor = call.expect === "absent" ? top : rank(call.expect);
    if (version !== null && rank(version) <= floor) return [];
    return [{
      holder: call.isDelete ? null : { opId: call.opId, client, version },
      top: version === null ? floor : rank(version),
    }];
  };
  if (!isAnswered(operation)) return fits && !isRepeated ? [world, ...write(null)] : [world];
  const { result } = call;
  const isSelf = result.kind === "conflict" && !call.isDelete && result.current?.opId === call.opId;
  if (result.kind === "conflict" && !isSelf) {
    if (isRepeated) return [];
    if (result.current === null) return holder === null && call.expect !== "absent" ? [world] : [];
    const { expect } = call;
    if (expect !== "absent" && rank(expect) === rank(result.current.version)) return [];
    return seeing(result.current.opId, result.current.version);
  }
  const version = result.kind === "ok"
    ? result.version
    : result.kind === "conflict"
    ? result.current?.version
    : undefined;
  if (version === undefined) return [];
  if (isRepeated) return seeing(call.opId, version);
  return fits ? write(version) : [];
}
