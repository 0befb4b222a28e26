/**
 * Which frames and events are worth a line of a story, and its words. Pure.
 *
 * One idea: a frame is told when it arrives, for then it is a fact that somebody knows. Most are never told: those that
 * ask again, that only acknowledge, and that every second brings.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { ClusterEvent } from "../cluster/cluster_node.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import type { AlertKind } from "../cluster/detector_protocol.ts";
import type { LeaseStatus } from "../cluster/engine.ts";
import type { Namer } from "./story_words.ts";

/** Something that became true. Facts of the same key at about the same time share a line. */
export interface Fact {
  readonly key: string;
  /** What differs between facts of one key, beside whose they are. */
  readonly thing?: string;
  readonly text: (who: string, things: string) => string;
}

/** A node's lease has changed. */
export function factOfLease(status: LeaseStatus): Fact {
  const words: Readonly<Record<LeaseStatus, string>> = {
    none: "no lease yet",
    held: "a lease: clustered actors may run here",
    soft: "a lease that is not renewed: nothing new begins here",
    frozen: "no lease: FROZEN, nothing runs here and nothing leaves",
    fenced: "no lease for ever: out of the cluster",
  };
  return { key: `lease ${status}`, text: (who) => `${who} ${who.includes(" ") ? "have" : "has"} ${words[status]}` };
}

/** An event that users see; `undefined` for what the views have told already. */
export function factOfEvent(event: ClusterEvent, namer: Namer): Fact | undefined {
  switch (event.kind) {
    case "nodeJoined":
    case "nodeLeft":
    case "nodeLeaving":
    case "leaderChanged":
    case "leaseFrozen":
    case "relocationProgress":
      return undefined;
    case "leaseResumed":
      return fact("resumed", (who) => `${who}: goes on after ${Math.round(event.gapMs)} ms without a lease`);
    case "relocationStarted": {
      const node = nameOf(event.node, namer);
      return fact(
        `relocating ${node}`,
        (who) => `${who} look${one(who)} for what ${node} held, each in its own partitions`,
      );
    }
    case "relocationDone": {
      const { held, relocated, released, excluded, failed } = event.counts;
      const counts =
        `held ${held}, relocated ${relocated}, released ${released}, excluded ${excluded}, failed ${failed}`;
      const node = nameOf(event.node, namer);
      return fact(
        `relocated ${node} ${counts}`,
        (who) => `${who}: nothing names ${node} any more in its partitions (${counts})`,
      );
    }
    case "relocationBlocked":
      return fact(`blocked ${event.key}`, (who) => `${who}: nobody can run ${event.key} (role ${event.role})`);
    case "partitionDataLoss":
      return fact(`loss ${event.partition}`, (who) => `${who}: partition ${event.partition} HAS LOST ITS COPIES`);
    case "lostClaim":
      return fact(`lost ${event.key}`, (who) => `${who}: ${event.key} belongs to another now, and is stopped`);
    case "ghostReleased":
      return fact(`ghost ${event.key}`, (who) => `${who}: gives ${event.key} back, which it does not hold`);
    case "bootstrapTimedOut":
      return fact(`timed out ${event.reason}`, (who) => `${who}: no cluster yet, ${event.reason}`);
    case "foreignCluster":
      return fact(`foreign ${event.clusterId}`, (who) => `${who}: sees another cluster, ${event.clusterId}`);
    default:
      return event satisfies never;
  }
}

/** What a frame that has arrived says, and whose fact that is; `undefined` for most. */
export function factOfFrame(
  to: NodeId,
  from: NodeId,
  message: Frame["message"],
  namer: Namer,
): (Fact & { readonly by: NodeId }) | undefined {
  const told = wordsOfFrame(nameOf(to, namer), nameOf(from, namer), message, namer);
  if (told === undefined) return undefined;
  const { isOfReceiver = false, ...rest } = told;
  return { ...rest, by: isOfReceiver ? to : from };
}

function wordsOfFrame(
  to: string,
  from: string,
  message: Frame["message"],
  namer: Namer,
): (Fact & { readonly isOfReceiver?: boolean }) | undefined {
  switch (message.kind) {
    case "found":
      return {
        ...fact(`found ${message.view.clusterId}`, (who) => `${from} asks ${who} to found a cluster with it`),
        isOfReceiver: true,
      };
    case "founderAccepts":
      return fact(`accepts ${message.clusterId}`, (who) => `${who} bind${one(who)} to ${to}'s attempt`);
    case "joinRequest":
      return fact(`join ${from}`, (who) => `${who} asks to come in`);
    case "alert": {
      const subject = nameOf(message.subject, namer);
      return fact(`${message.alert} ${subject}`, (who) => ALERTS[message.alert](who, subject));
    }
    case "prepare":
      return fact(
        `proposes ${message.epoch}`,
        (who) => `${who} propose${one(who)} view ${message.epoch} to the voters`,
      );
    case "wait":
      return fact(
        `wait ${message.epoch}`,
        (who) =>
          `${who} let${one(who)} the proposal wait: a lease of somebody it removes may still hold for ` +
          `${(message.remainingMs / 1_000).toFixed(1)} s`,
      );
    case "seal":
      return {
        ...fact(`seal ${from} ${message.cfg}`, (who, things) => `${from} seals ${things} on ${who}`),
        thing: `p${message.partition}`,
        isOfReceiver: true,
      };
    case "fetched":
      return {
        ...fact(
          `fetched ${to} ${message.cfg}`,
          (who, things) => `${who} hand${one(who)} ${to} its records of ${things}`,
        ),
        thing: `p${message.partition}`,
      };
    case "holdings":
      return {
        ...fact(
          `holdings ${to} ${message.cfg}`,
          (who, things) => `${who} tell${one(who)} ${to} what it runs of ${things}`,
        ),
        thing: `p${message.partition}`,
      };
    case "stored":
      return {
        ...fact(
          `stored ${to} ${message.cfg}`,
          (who, things) => `${who} ha${one(who) || "ve"} a copy of ${things} for ${to}`,
        ),
        thing: `p${message.partition}`,
      };
    case "ready":
      return {
        ...fact(`ready ${message.cfg}`, (who, things) => `${things} can be served by ${who}, once a view says so`),
        thing: `p${message.partition}`,
      };
    case "blocked":
      return fact(
        `blocked ${message.partition}`,
        (who) => `${who} cannot go on without ${nameOf(message.subject, namer)}`,
      );
    case "want":
      return {
        ...fact(`want ${message.key} ${to}`, (who) => `${who} ask${one(who)} ${to} who has ${message.key}`),
      };
    case "located": {
      const holder = message.entry === undefined ? "nobody" : nameOf(message.entry.record.holder, namer);
      return fact(
        `located ${message.key} ${to} ${holder}`,
        (who) => `${who} tells ${to} that ${holder} has ${message.key}`,
      );
    }
    case "hint":
      return fact(`hint ${message.key} ${to}`, (who) => `${who} asks ${to} to take ${message.key} (${message.why})`);
    case "spawnRequest":
      return fact(`spawn ${message.key} ${to}`, (who) => `${who} asks ${to} to run ${message.key}`);
    case "registryRequest":
      return {
        ...fact(
          `registry ${from} ${to} ${message.partition}`,
          (who, things) => `${who} asks ${to}, the owner: ${things}`,
        ),
        thing: message.operations.map((operation) => {
          if (operation.kind === "get") return `who has ${operation.key}?`;
          const { key, record } = operation;
          return record === null ? `let ${key} go` : `${key} for ${nameOf(record.holder, namer)}`;
        }).join(", "),
      };
    case "handoff":
      return fact(`handoff ${message.key} ${to}`, (who) => `${who} hands ${message.key} over to ${to}`);
    default:
      return undefined;
  }
}

const ALERTS: Readonly<Record<AlertKind, (who: string, subject: string) => string>> = {
  down: (who, subject) =>
    `${who} ACCUSE${one(who).toUpperCase()} ${subject}: no answer, neither to it nor through others`,
  link: (who, subject) => `${who} reach${one(who) && "es"} ${subject} through others only`,
  clear: (who, subject) => `${who} reach${one(who) && "es"} ${subject} again`,
};

function fact(key: string, text: Fact["text"]): Fact {
  return { key, text };
}

function nameOf(id: NodeId, namer: Namer): string {
  return namer.nameOf(id);
}

/** The ending of a verb: `s` for one. */
function one(who: string): string {
  return who.includes(" ") ? "" : "s";
}
