/**
 * Whether what the nodes of one cluster saw of it fits together. Pure.
 *
 * @module
 */
import type { NodeChild } from "./node_child.ts";

/**
 * Everything that is wrong with what `nodes` saw, as sentences:
 *
 * - to one node, in one of its lives, views come in order, and each node joins once and leaves once;
 * - no two nodes saw another leader of the same term;
 * - no node joins that was seen to leave.
 */
export function judgeFacts(nodes: readonly Pick<NodeChild, "name" | "pid" | "facts">[]): readonly string[] {
  const problems: string[] = [];
  const leaders = new Map<number, string>();
  const left = new Map<string, number>();
  for (const node of nodes) {
    let epoch = 0;
    let seen = new Set<string>();
    const problem = (text: string) => problems.push(`${node.name} (process ${node.pid}): ${text}`);
    for (const { fact } of node.facts) {
      if (fact.type === "nodeFenced") {
        seen = new Set();
        epoch = 0;
      }
      if (!("epoch" in fact) || fact.type === "partitionDataLoss") continue;
      if (fact.epoch < epoch) problem(`${fact.type} of epoch ${fact.epoch} after one of ${epoch}`);
      epoch = fact.epoch;
      if (fact.type === "leaderChanged") {
        const leader = fact.leader?.id ?? "nobody";
        const known = leaders.get(fact.term) ?? leader;
        if (known !== leader) problem(`${leader} leads in term ${fact.term}, and ${known} does`);
        leaders.set(fact.term, leader);
        continue;
      }
      const word = `${fact.type} ${fact.node.id}`;
      if (seen.has(word)) problem(`${word} twice`);
      seen.add(word);
      if (fact.type === "nodeLeft") left.set(fact.node.id, Math.min(fact.epoch, left.get(fact.node.id) ?? Infinity));
    }
  }
  for (const { name, facts } of nodes) {
    for (const { fact } of facts) {
      if (fact.type !== "nodeJoined" || fact.epoch <= (left.get(fact.node.id) ?? Infinity)) continue;
      problems.push(`${name}: ${fact.node.id} joins in epoch ${fact.epoch}, after it had left`);
    }
  }
  return problems;
}
