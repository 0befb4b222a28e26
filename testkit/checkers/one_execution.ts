/**
 * I1: of one key, nothing runs under an older claim after something has run under a newer one. Mutable; one a run.
 *
 * @module
 */
import { isOlder, type Version } from "../../cluster/engine.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches everything that runs. */
export function oneExecution(): ClusterChecker {
  const newest = new Map<string, { readonly token: Version; readonly by: string }>();
  return {
    name: "I1 one execution",
    onNote(_world, node, note) {
      if ((note.kind !== "executed" && note.kind !== "ran") || node.process === undefined) return;
      const { clusterId } = node.process.core.engine.views.view ?? { clusterId: "" };
      const key = `${clusterId} ${note.key}`;
      const before = newest.get(key);
      if (before !== undefined && isOlder(note.token, before.token)) {
        const text = `${note.key} ran on ${node.process.id} as ${textOf(note.token)} after ${before.by} ran it as ${
          textOf(before.token)
        }`;
        throw new SimulationViolation(this.name, text);
      }
      newest.set(key, { token: note.token, by: node.process.id });
    },
  };
}

function textOf({ cfg, seq }: Version): string {
  return `${cfg}.${seq}`;
}
