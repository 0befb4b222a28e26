/**
 * A sample of every message that nodes send to each other, with every optional part present in one and absent in
 * another. Plain data.
 *
 * Invariant: a kind of message without a sample does not compile.
 *
 * @module
 */
import type { Frame } from "../../cluster/cluster_core.ts";
import type { FrameLimits } from "../../cluster/decode_values.ts";
import type { Claim } from "../../cluster/directory_protocol.ts";
import type { Entry, RegistryRecord, Version } from "../../cluster/engine.ts";
import type { UserFrame } from "../../cluster/router_protocol.ts";
import type { Member, Placed, View } from "../../cluster/view.ts";
import { epoch, nodeId, type Partition } from "../../core/ids.ts";

type MessageOf<Part extends Frame["part"]> = Extract<Frame, { readonly part: Part }>["message"];

/** Samples of each message, by part and kind. */
export type Samples = {
  readonly [Part in Frame["part"]]: {
    readonly [Kind in MessageOf<Part>["kind"]]: readonly Extract<MessageOf<Part>, { readonly kind: Kind }>[];
  };
};

/** What the samples keep to. */
export const SAMPLE_LIMITS: FrameLimits = { partitionCount: 3, specBytesMax: 64 };

const clusterId = "sim-a-1";
const a = nodeId("a");
const b = nodeId("b");
const c = nodeId("c");
const partition = 2 as Partition;
const cfg = epoch(4);
const ballot = { round: 3, by: a };
const token: Version = { cfg, seq: 9 };

const newcomer: Member = {
  id: c,
  address: "host-3:7600",
  zone: "east",
  roles: ["web"],
  kinds: ["account", "ledger"],
  joinEpoch: epoch(0),
  status: "up",
  capacity: 0.5,
};

const record: RegistryRecord = {
  type: "grain",
  kind: "account",
  holder: a,
  holderJoin: epoch(1),
  spec: Uint8Array.of(1, 2, 3),
  isRelocatable: true,
  isEager: false,
  role: "",
  idempotencyKey: "again",
};

const claim: Claim = {
  type: "singleton",
  kind: "ledger",
  spec: new Uint8Array(0),
  isRelocatable: false,
  isEager: true,
  role: "web",
  idempotencyKey: "",
};

const entry: Entry = { key: "account:alice", version: token, opId: "a#17", record };

/** The view of an epoch, with two members. */
export function sampleView(number: number): View {
  const member = (id: string, joinEpoch: number): Member => ({
    ...newcomer,
    id: nodeId(id),
    address: `${id}:1`,
    joinEpoch: epoch(joinEpoch),
  });
  const kept: Placed = { cfg: epoch(1), group: [a, b], next: undefined };
  const moving: Placed = { cfg: epoch(1), group: [c], next: { cfg: epoch(number), group: [b, a], why: "loss" } };
  return {
    clusterId,
    epoch: epoch(number),
    draft: "a/2",
    rule: { kind: "seeds", seeds: ["a:1", "b:1", "c:1"] },
    members: [member("a", 1), member("b", 1)],
    voters: [{ id: a, weight: 1 }, { id: b, weight: 1 }],
    need: 2,
    leader: a,
    leaderTerm: epoch(1),
    partitions: [kept, number === 1 ? kept : moving, kept],
    removed: number === 1 ? [] : [{ id: c, epoch: epoch(2), hasLeft: false }],
  };
}

const user: UserFrame = {
  kind: "user",
  target: "account:alice",
  token,
  actorKind: "account",
  sender: { key: "ledger", token },
  askId: 7,
  remainingMs: 812.5,
  waitedMs: 0,
  bytes: 21,
  payload: ["deposit", 5, { currency: "CHF" }],
};

const tell: UserFrame = { ...user, sender: undefined, askId: undefined, remainingMs: undefined, payload: undefined };

const unavailable = { kind: "unavailable", reason: "moving", retryAfterMs: 50, indeterminate: true } as const;

/** The samples. */
export const SAMPLES: Samples = {
  engine: {
    leaseRequest: [{ kind: "leaseRequest", epoch: cfg, request: 3 }],
    leaseGrant: [{ kind: "leaseGrant", epoch: cfg, request: 3 }],
    leaseRelease: [{ kind: "leaseRelease" }],
    prepare: [{ kind: "prepare", epoch: cfg, ballot }],
    promise: [
      { kind: "promise", epoch: cfg, ballot, accepted: undefined },
      { kind: "promise", epoch: cfg, ballot, accepted: { ballot: { round: 1, by: b }, view: sampleView(4) } },
    ],
    accept: [{ kind: "accept", epoch: cfg, ballot, view: sampleView(4) }],
    accepted: [{ kind: "accepted", epoch: cfg, ballot }],
    refused: [{ kind: "refused", epoch: cfg, ballot, promised: { round: 8, by: b }, reason: "a higher one" }],
    wait: [{ kind: "wait", epoch: cfg, ballot, remainingMs: 1_250.25 }],
    commit: [
      { kind: "commit", view: sampleView(2) },
      { kind: "commit", view: { ...sampleView(2), rule: { kind: "dynamic" } } },
      { kind: "commit", view: { ...sampleView(2), rule: { kind: "oldest" } } },
      {
        kind: "commit",
        view: {
          ...sampleView(5),
          leader: undefined,
          members: sampleView(5).members.map((member): Member => ({ ...member, status: "leaving" })),
        },
      },
    ],
    pull: [{ kind: "pull", epoch: cfg }],
    hello: [{
      kind: "hello",
      member: newcomer,
      standing: "founding",
      clusterId: "",
      attempt: clusterId,
      sees: [a, b],
      settings: "sim|3|3|2|1|dynamic|",
      isServing: false,
      wantsAnswer: true,
    }],
    joinRequest: [{ kind: "joinRequest", member: newcomer, settings: "sim|3" }],
    joinRefused: [{ kind: "joinRefused", reason: "its settings differ" }],
    found: [{ kind: "found", view: sampleView(1) }],
    founderAccepts: [{ kind: "founderAccepts", clusterId, quietMs: 6_300.5 }],
    founderRefuses: [{ kind: "founderRefuses", clusterId }],
    founderGivesUp: [{ kind: "founderGivesUp", clusterId }],
    registryRequest: [{
      kind: "registryRequest",
      epoch: cfg,
      requestId: 12,
      oldest: 11,
      partition,
      operations: [
        { kind: "get", key: "account:alice" },
        { kind: "cas", key: "account:alice", expect: "absent", record, opId: "a#1" },
        { kind: "cas", key: "ledger", expect: token, record: null, opId: "a#2" },
      ],
    }],
    registryReply: [{
      kind: "registryReply",
      epoch: cfg,
      requestId: 12,
      answers: [
        { kind: "get", result: { kind: "found", entry } },
        { kind: "get", result: { kind: "found", entry: null } },
        { kind: "get", result: unavailable },
        { kind: "cas", result: { kind: "ok", version: { cfg, seq: 0 } } },
        { kind: "cas", result: { kind: "conflict", current: entry } },
        { kind: "cas", result: { kind: "conflict", current: null } },
        { kind: "cas", result: unavailable },
      ],
    }],
    replicate: [
      { kind: "replicate", partition, cfg, first: 8, changes: [{ key: entry.key, entry }, { key: "b", entry: null }] },
      { kind: "replicate", partition, cfg, first: 8, changes: [] },
    ],
    replicated: [{ kind: "replicated", partition, cfg, est: epoch(0), seq: 0 }],
    sync: [{ kind: "sync", partition, cfg, snapshot: 9, index: 1, count: 2, entries: [entry] }],
    synced: [{ kind: "synced", partition, cfg, snapshot: 9, received: 2 }],
    seal: [{ kind: "seal", partition, cfg }],
    sealed: [{ kind: "sealed", partition, cfg, est: epoch(3), seq: 9 }],
    fetch: [{ kind: "fetch", partition, cfg, index: 0 }],
    fetched: [{ kind: "fetched", partition, cfg, est: epoch(3), seq: 9, index: 0, count: 1, entries: [] }],
    install: [{ kind: "install", partition, cfg, index: 0, count: 1, entries: [entry] }],
    stored: [{ kind: "stored", partition, cfg, received: 1 }],
    holdingsRequest: [{ kind: "holdingsRequest", partition, cfg }],
    holdings: [{ kind: "holdings", partition, cfg, held: [{ entry }] }],
    ready: [{ kind: "ready", partition, cfg }],
    blocked: [{ kind: "blocked", partition, subject: b }],
    confirm: [{ kind: "confirm", partition, cfg, read: 4 }],
    confirmed: [{ kind: "confirmed", partition, cfg, read: 4 }],
    compare: [{ kind: "compare", partition, cfg, seq: 9, digest: 0xffff_ffff }],
    differs: [{ kind: "differs", partition, cfg, seq: 9 }],
  },
  detector: {
    ping: [{ kind: "ping", seq: 1, accused: true }],
    pong: [{ kind: "pong", seq: 1 }],
    pingRequest: [{ kind: "pingRequest", seq: 2, target: b }],
    pongForward: [{ kind: "pongForward", seq: 2 }],
    pingNack: [{ kind: "pingNack", seq: 2 }],
    alert: [
      { kind: "alert", subject: b, alert: "down", epoch: cfg },
      { kind: "alert", subject: b, alert: "link", epoch: cfg },
      { kind: "alert", subject: b, alert: "clear", epoch: cfg },
    ],
  },
  directory: {
    want: [
      { kind: "want", key: "account:alice", create: undefined, notAt: undefined },
      { kind: "want", key: "account:alice", create: { claim, placement: { kind: "least-load" } }, notAt: token },
    ],
    located: [
      { kind: "located", key: "account:alice", entry, absent: undefined },
      { kind: "located", key: "account:alice", entry: undefined, absent: "barrier" },
    ],
    hint: [
      { kind: "hint", key: "ledger", claim, expect: "absent", why: "singleton" },
      { kind: "hint", key: "ledger", claim, expect: token, why: "relocation" },
    ],
    hintRefused: [{ kind: "hintRefused", key: "ledger", expect: token, why: "no-lease" }],
    spawnRequest: [{ kind: "spawnRequest", requestId: 5, key: "ledger", claim, waitMs: 4_999.5 }],
    spawnAnswer: [
      { kind: "spawnAnswer", requestId: 5, result: { kind: "spawned", holder: b, token, isNew: true } },
      { kind: "spawnAnswer", requestId: 5, result: { kind: "stopped" } },
      { kind: "spawnAnswer", requestId: 5, result: { kind: "located", entry: undefined } },
      {
        kind: "spawnAnswer",
        requestId: 5,
        result: { kind: "left", isComplete: true, counts: { moved: 1, released: 2, failed: 0 } },
      },
      {
        kind: "spawnAnswer",
        requestId: 5,
        result: { kind: "failed", failure: { code: "name-taken", fate: "not-delivered", holder: b, reason: "" } },
      },
      {
        kind: "spawnAnswer",
        requestId: 5,
        result: {
          kind: "failed",
          failure: { code: "start-failed", fate: "delivered", holder: undefined, reason: "onStart threw" },
        },
      },
    ],
    stopRequest: [{ kind: "stopRequest", requestId: 6, key: "ledger", token }],
    stopAnswer: [{ kind: "stopAnswer", requestId: 6 }],
    handoff: [
      { kind: "handoff", key: "ledger", version: token, claim, snapshot: Uint8Array.of(9) },
      { kind: "handoff", key: "ledger", version: token, claim, snapshot: undefined },
    ],
    handoffAck: [{ kind: "handoffAck", key: "ledger", version: token, isTaken: false }],
    holdAudit: [
      { kind: "holdAudit", partition, at: token, lines: [{ key: "ledger", opId: "a#2" }], isWhole: true },
    ],
    leaveRequest: [{ kind: "leaveRequest" }],
  },
  router: {
    user: [user, tell],
    reply: [
      { kind: "reply", askId: 7, outcome: { kind: "ok", value: { balance: 5 } } },
      { kind: "reply", askId: 7, outcome: { kind: "ok", value: undefined } },
      {
        kind: "reply",
        askId: 7,
        outcome: {
          kind: "failed",
          failure: {
            code: "insufficient-funds",
            message: "balance is 3",
            fate: "delivered",
            details: { balance: 3 },
            cause: { code: "error", message: "deep", fate: "unknown", details: {} },
          },
        },
      },
    ],
    bounced: [
      { kind: "bounced", frame: user, reason: "moved", hint: { node: b, token } },
      { kind: "bounced", frame: tell, reason: "not-here", hint: undefined },
    ],
    flush: [{ kind: "flush", flushId: 1, target: "account:alice", token }],
    flushAck: [{ kind: "flushAck", flushId: 1 }],
    epochMark: [{ kind: "epochMark", epoch: cfg }],
  },
};

/** The samples as frames. */
export const SAMPLE_FRAMES: readonly Frame[] = [
  ...framesOf("engine"),
  ...framesOf("detector"),
  ...framesOf("directory"),
  ...framesOf("router"),
];

function framesOf(part: Frame["part"]): readonly Frame[] {
  const messages: readonly (readonly unknown[])[] = Object.values(SAMPLES[part]);
  return messages.flat().map((message) => ({ clusterId, epoch: cfg, part, message }) as Frame);
}
