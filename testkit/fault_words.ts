/**
 * Faults in words, for who reads what happened in a world. Pure.
 *
 * @module
 */
import { type Fault, isInCut } from "./fault_plan.ts";

/** What a fault of one host does to it. */
export function hostFaultText(fault: Extract<Fault, { kind: "pause" | "suspend" | "lag" | "wallStep" }>): string {
  switch (fault.kind) {
    case "pause":
      return `stands still for ${fault.forMs} ms`;
    case "suspend":
      return `sleeps with its clock for ${fault.forMs} ms`;
    case "lag":
      return `is busy for ${fault.ms} ms`;
    case "wallStep":
      return `has its wall clock set by ${fault.byMs} ms`;
    default:
      return fault satisfies never;
  }
}

/** A fault between hosts, as a noun that can begin and end. */
export function wayFaultName(fault: Extract<Fault, { kind: "partition" | "clog" }>, hosts: number): string {
  if (fault.kind === "clog") return `clog n${fault.from % hosts} -> n${fault.to % hosts}`;
  const all = Array.from({ length: hosts }, (_, host) => host);
  const [cut, rest] = [all.filter((host) => isInCut(fault.cut, host)), all.filter((host) => !isInCut(fault.cut, host))];
  return fault.isOneWay ? `one-way split ${namesOf(cut)} -> ${namesOf(rest)}` : splitName([cut, rest]);
}

/** A split, as a noun. Who is in no group is not named. */
export function splitName(groups: readonly (readonly number[])[]): string {
  return `split ${groups.map(namesOf).join(" | ")}`.trimEnd();
}

function namesOf(hosts: readonly number[]): string {
  return hosts.map((host) => `n${host}`).join(" ");
}
