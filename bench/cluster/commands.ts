/**
 * What a node does for the scenario that started it: each command runs on the node's main thread and answers with plain
 * data. Arguments come from our own parent, of the same version.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { ActorSystem } from "../../mod.ts";
import { crash, residentName } from "./crash.ts";
import { activate, type ActivateOrder, askWarm, type WarmOrder } from "./grains.ts";
import { Adder, Resident } from "./kinds.ts";
import { claim, lookUp, type NamesOrder, release } from "./names.ts";
import { askAdder, type AskOrder, flood, type FloodOrder, push, type PushOrder, spawnMany, touch } from "./tells.ts";

/** One command. */
export type Command = (system: ActorSystem, argument: unknown) => Promise<unknown>;

/** Milliseconds between two looks. */
const LOOK_MS = 20;

/** By name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  whenMembers: async (system, count) => {
    while (system.members().length < Number(count) || !system.health().isReady) await delay(LOOK_MS);
  },
  isLeader: (system) => Promise.resolve(system.isLeader()),
  cpuMicros: () => {
    const { user, system } = process.cpuUsage();
    return Promise.resolve(user + system);
  },
  residentBytes: () => Promise.resolve(process.memoryUsage().rss),
  spawnReceivers: (system, count) => spawnMany(system, "receiver", Number(count)),
  spawnSenders: (system, count) => spawnMany(system, "sender", Number(count)),
  spawnAdder: async (system) => void await system.spawn("adder", Adder),
  spawnResidents: async (system, argument) => {
    const { node, count } = argument as { readonly node: number; readonly count: number };
    const names = Array.from({ length: count }, (_, index) => residentName(node, index));
    await system.spawnMany(names, Resident);
    return names;
  },
  touch: (system, count) => touch(system, Number(count)),
  flood: (system, argument) => flood(system, argument as FloodOrder),
  push: (system, argument) => push(system, argument as PushOrder),
  askAdder: (system, argument) => askAdder(system, argument as AskOrder),
  activate: (system, argument) => activate(system, argument as ActivateOrder),
  askWarm: (system, argument) => askWarm(system, argument as WarmOrder),
  crash: (system, argument) => crash(system, argument as { readonly pid: number; readonly spawned: readonly string[] }),
  claim: (system, argument) => claim(system, argument as NamesOrder),
  lookUp: (system, argument) => lookUp(system, argument as NamesOrder),
  release: (system, argument) => release(system, argument as NamesOrder),
};
