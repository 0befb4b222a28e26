/**
 * Decoding what directories say to each other. Pure.
 *
 * @module
 */
import type { Fate } from "../core/failure.ts";
import { AUDIT_LINES_MAX } from "./audit.ts";
import {
  actorKey,
  count,
  entryOf,
  expected,
  type FrameLimits,
  label,
  milliseconds,
  name,
  nodeId,
  partitionOf,
  remark,
  version,
} from "./decode_values.ts";
import { bytes, type Decoder, flag, list, optional, record, union, word } from "./decoding.ts";
import type {
  AbsentReason,
  AuditLine,
  Claim,
  Creation,
  DepartureCounts,
  DirectoryFailure,
  DirectoryMessage,
  DirectoryResult,
  TravellingPlacement,
} from "./directory_protocol.ts";
import type { Entry } from "./engine.ts";
import { SNAPSHOT_BYTES_MAX } from "./hints.ts";

/** A message of a directory. */
export function directoryMessageOf(limits: FrameLimits): Decoder<DirectoryMessage> {
  const claim = claimOf(limits);
  const entry = entryOf(limits);
  const key = actorKey;
  return union<DirectoryMessage>({
    want: { key, create: optional(creationOf(claim)), notAt: optional(version) },
    located: { key, entry: optional(entry), absent: optional(absentReason) },
    hint: { key, claim, expect: expected, why: word(["grain", "relocation", "singleton"]) },
    hintRefused: {
      key,
      expect: expected,
      why: word(["leaving", "no-lease", "busy", "ineligible", "start-failed"]),
    },
    spawnRequest: { requestId: count, key, claim, waitMs: milliseconds },
    spawnAnswer: { requestId: count, result: resultOf(entry) },
    stopRequest: { requestId: count, key, token: version },
    stopAnswer: { requestId: count },
    handoff: { key, version, claim, snapshot: optional(bytes(SNAPSHOT_BYTES_MAX)) },
    handoffAck: { key, version, isTaken: flag },
    holdAudit: {
      partition: partitionOf(limits.partitionCount),
      at: version,
      lines: list(record<AuditLine>({ key, opId: label }), AUDIT_LINES_MAX),
      isWhole: flag,
    },
    leaveRequest: {},
  });
}

const absentReason: Decoder<AbsentReason> = word(["absent", "no-eligible-node", "barrier", "timeout", "busy", "lease"]);

/** What a sender may assume about what it asked for. */
export const fate: Decoder<Fate> = word(["not-delivered", "delivered", "unknown"]);

function claimOf({ specBytesMax }: FrameLimits): Decoder<Claim> {
  return record<Claim>({
    type: word(["actor", "grain", "singleton"]),
    kind: name,
    spec: bytes(specBytesMax),
    isRelocatable: flag,
    isEager: flag,
    role: name,
    idempotencyKey: label,
  });
}

function creationOf(claim: Decoder<Claim>): Decoder<Creation> {
  const placement = union<TravellingPlacement>({ "round-robin": {}, random: {}, "least-load": {}, local: {} });
  return record<Creation>({ claim, placement });
}

function resultOf(entry: Decoder<Entry>): Decoder<DirectoryResult> {
  const failure = record<DirectoryFailure>({
    code: word([
      "name-taken",
      "no-eligible-node",
      "lease-lost",
      "partition-unavailable",
      "start-failed",
      "actor-not-found",
      "system-stopping",
      "limit-reached",
    ]),
    fate,
    holder: optional(nodeId),
    reason: remark,
  });
  const counts = record<DepartureCounts>({ moved: count, released: count, failed: count });
  return union<DirectoryResult>({
    spawned: { holder: nodeId, token: version, isNew: flag },
    stopped: {},
    located: { entry: optional(entry) },
    left: { isComplete: flag, counts },
    failed: { failure },
  });
}
