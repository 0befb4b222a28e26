/**
 * Decoding what engines say to each other: about views and leases, about beginning, about partitions. Pure.
 *
 * Invariant: a view in a message is the one that the message is about.
 *
 * @module
 */
import { PEERS_KEPT_MAX } from "./bootstrap_state.ts";
import {
  actorKey,
  ballot,
  count,
  COUNT_MAX,
  entryOf,
  epoch,
  expected,
  type FrameLimits,
  label,
  milliseconds,
  newcomer,
  nodeId,
  partitionOf,
  registryRecord,
  remark,
  version,
  viewEpoch,
} from "./decode_values.ts";
import { viewOf } from "./decode_view.ts";
import {
  type Decoder,
  type Fields,
  flag,
  list,
  nullable,
  optional,
  Problem,
  record,
  refined,
  text,
  union,
  type Variants,
  whole,
  word,
} from "./decoding.ts";
import type { EngineMessage } from "./embedded_engine.ts";
import type { CasOperation, CasResult, Entry, GetResult, Held, Unavailable } from "./engine.ts";
import { OPERATIONS_MAX } from "./owner.ts";
import type { Change, PartitionMessage, RegistryAnswer, RegistryOperation } from "./partition_protocol.ts";
import type { Accepted, BootstrapMessage, ViewMessage } from "./view_protocol.ts";

/** Changes or entries of one message, and chunks of one state. A frame's bytes end long before. */
const ENTRIES_MAX = 1 << 20;
const CHUNKS_MAX = 1 << 20;
/** Characters of the settings that nodes compare: with the addresses of all seeds. */
const SETTINGS_CHARS_MAX = 1 << 17;

/** A message of an engine. */
export function engineMessageOf(limits: FrameLimits): Decoder<EngineMessage> {
  const decode = union<EngineMessage>({
    ...viewMessages(limits),
    ...bootstrapMessages(limits),
    ...partitionMessages(limits),
  });
  return refined(decode, (message) => {
    const problem = problemOf(message);
    return problem === undefined ? message : new Problem(problem);
  });
}

/** What one field alone does not show. */
function problemOf(message: EngineMessage): string | undefined {
  switch (message.kind) {
    case "accept":
      return message.view.epoch === message.epoch ? undefined : "proposes the view of another epoch";
    case "promise":
      if (message.accepted === undefined || message.accepted.view.epoch === message.epoch) return undefined;
      return "has accepted the view of another epoch";
    case "found":
      return message.view.epoch === 1 ? undefined : "founds a cluster with a later view than its first";
    case "sync":
    case "fetched":
    case "install":
      return message.index < message.count ? undefined : "is a chunk beyond the last";
    default:
      return undefined;
  }
}

function viewMessages(limits: FrameLimits): Variants<ViewMessage> {
  const view = viewOf(limits);
  return {
    leaseRequest: { epoch: viewEpoch, request: count },
    leaseGrant: { epoch: viewEpoch, request: count },
    leaseRelease: {},
    prepare: { epoch: viewEpoch, ballot },
    promise: { epoch: viewEpoch, ballot, accepted: optional(record<Accepted>({ ballot, view })) },
    accept: { epoch: viewEpoch, ballot, view },
    accepted: { epoch: viewEpoch, ballot },
    refused: { epoch: viewEpoch, ballot, promised: ballot, reason: remark },
    wait: { epoch: viewEpoch, ballot, remainingMs: milliseconds },
    commit: { view },
    pull: { epoch: viewEpoch },
  };
}

function bootstrapMessages(limits: FrameLimits): Variants<BootstrapMessage> {
  const settings = text(SETTINGS_CHARS_MAX);
  return {
    hello: {
      member: newcomer,
      standing: word(["founding", "joining", "member", "frozen"]),
      clusterId: label,
      attempt: label,
      sees: list(nodeId, PEERS_KEPT_MAX),
      settings,
      isServing: flag,
      wantsAnswer: flag,
    },
    joinRequest: { member: newcomer, settings },
    joinRefused: { reason: text(2 * SETTINGS_CHARS_MAX) },
    found: { view: viewOf(limits) },
    founderAccepts: { clusterId: label, quietMs: milliseconds },
    founderRefuses: { clusterId: label },
    founderGivesUp: { clusterId: label },
  };
}

function partitionMessages(limits: FrameLimits): Variants<PartitionMessage> {
  const partition = partitionOf(limits.partitionCount);
  const entry = entryOf(limits);
  const entries = list(entry, ENTRIES_MAX);
  const chunk = { index: whole(0, CHUNKS_MAX - 1), count: whole(1, CHUNKS_MAX), entries };
  const change = record<Change>({ key: actorKey, entry: nullable(entry) });
  const cfg = viewEpoch;
  return {
    registryRequest: {
      epoch: viewEpoch,
      requestId: count,
      oldest: count,
      partition,
      operations: list(operationOf(limits), OPERATIONS_MAX),
    },
    registryReply: { epoch: viewEpoch, requestId: count, answers: list(answerOf(entry), OPERATIONS_MAX) },
    replicate: { partition, cfg, first: whole(1, COUNT_MAX), changes: list(change, ENTRIES_MAX) },
    replicated: { partition, cfg, est: epoch, seq: count },
    sync: { partition, cfg, snapshot: count, ...chunk },
    synced: { partition, cfg, snapshot: count, received: count },
    seal: { partition, cfg },
    sealed: { partition, cfg, est: epoch, seq: count },
    fetch: { partition, cfg, index: count },
    fetched: { partition, cfg, est: epoch, seq: count, ...chunk },
    install: { partition, cfg, ...chunk },
    stored: { partition, cfg, received: count },
    holdingsRequest: { partition, cfg },
    holdings: { partition, cfg, held: list(record<Held>({ entry }), ENTRIES_MAX) },
    ready: { partition, cfg },
    blocked: { partition, subject: nodeId },
    confirm: { partition, cfg, read: count },
    confirmed: { partition, cfg, read: count },
    compare: { partition, cfg, seq: count, digest: whole(0, 0xffff_ffff) },
    differs: { partition, cfg, seq: count },
  };
}

// --- the registry ---------------------------------------------------------------------------------

function operationOf(limits: FrameLimits): Decoder<RegistryOperation> {
  const cas: Fields<CasOperation> = {
    key: actorKey,
    expect: expected,
    record: nullable(registryRecord(limits)),
    opId: label,
  };
  return union<RegistryOperation>({ get: { key: actorKey }, cas });
}

function answerOf(entry: Decoder<Entry>): Decoder<RegistryAnswer> {
  const unavailable: Fields<Omit<Unavailable, "kind">> = {
    reason: word(["no-quorum", "moving", "lease", "full", "engine-down", "not-member", "busy"]),
    retryAfterMs: milliseconds,
    indeterminate: flag,
  };
  return union<RegistryAnswer>({
    get: { result: union<GetResult>({ found: { entry: nullable(entry) }, unavailable }) },
    cas: { result: union<CasResult>({ ok: { version }, conflict: { current: nullable(entry) }, unavailable }) },
  });
}
