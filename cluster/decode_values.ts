/**
 * Decoders for the values that messages of several parts carry: ids, versions, entries, members. Pure.
 *
 * Invariant: whatever these take, every machine can compute with: numbers leave room to count on, texts and lists are
 * bounded.
 *
 * @module
 */
import { type ActorKey, epoch as epochOf, nodeId as nodeIdOf, type Partition } from "../core/ids.ts";
import type { Epoch, NodeId } from "../core/ids.ts";
import { KINDS_MAX, NAME_CHARS_MAX, PARTITION_COUNT_DEFAULT } from "../core/limits.ts";
import { isKey } from "../core/names.ts";
import {
  bytes,
  type Decoder,
  flag,
  list,
  Problem,
  real,
  record,
  refined,
  text,
  union,
  whole,
  word,
} from "./decoding.ts";
import type { Entry, Expected, RegistryRecord, Version } from "./engine.ts";
import type { Ballot } from "./view_protocol.ts";
import type { Member, QuorumRule } from "./view.ts";

/** What the frames of one cluster may hold; part of it is agreed on, part of it is this node's own choice. */
export interface FrameLimits {
  readonly partitionCount: number;
  /** Bytes of what starting an actor needs. */
  readonly specBytesMax: number;
}

/** The usual limits. A spec is held in memory by every copy of its partition: a megabyte is already too much. */
export const FRAME_LIMITS: FrameLimits = { partitionCount: PARTITION_COUNT_DEFAULT, specBytesMax: 1 << 20 };

/** Numbers that count something go no further: beside it there is room to count on for ever. */
export const COUNT_MAX: number = 2 ** 52;
/** Rounds of proposals: one that is outbid goes on counting from the higher one. */
const ROUND_MAX = 2 ** 40;
/** Milliseconds that a peer may speak of: a thousand years. */
const MS_MAX = 2 ** 45;
/** Members of one cluster. */
export const MEMBERS_MAX = 4_096;
/** Characters of the id of a node, of `host:port`, and of anything with an id and a name in it. */
const NODE_ID_CHARS_MAX = 128;
const ADDRESS_CHARS_MAX = 320;
const TEXT_CHARS_MAX = 1_024;
/** Roles of one member, and addresses of seeds. */
const ROLES_MAX = 256;
const SEEDS_MAX = 256;

/** The id of a node. */
export const nodeId: Decoder<NodeId> = refined(text(NODE_ID_CHARS_MAX, 1), nodeIdOf);

/** The number of a view, or 0. */
export const epoch: Decoder<Epoch> = refined(whole(0, COUNT_MAX), epochOf);

/** The number of a view. */
export const viewEpoch: Decoder<Epoch> = refined(whole(1, COUNT_MAX), epochOf);

/** What counts something. */
export const count: Decoder<number> = whole(0, COUNT_MAX);

/** A time that has passed or has yet to pass. */
export const milliseconds: Decoder<number> = real(0, MS_MAX);

/** A name, or none. */
export const name: Decoder<string> = text(NAME_CHARS_MAX);

/** What names a proposal, a cluster, an operation: with ids in it. */
export const label: Decoder<string> = text(TEXT_CHARS_MAX);

/** What is for people. */
export const remark: Decoder<string> = text(1 << 16);

/** `host:port`. */
export const address: Decoder<string> = text(ADDRESS_CHARS_MAX, 1);

/** What the registry calls an actor. */
export function actorKey(raw: unknown): ActorKey | Problem {
  return isKey(raw) ? raw : NO_KEY;
}

const NO_KEY = new Problem("is no key of an actor");

/** A partition of a cluster that has so many. */
export function partitionOf(partitionCount: number): Decoder<Partition> {
  return refined(whole(0, partitionCount - 1), (index) => index as Partition);
}

/** A write's place in the order of its partition. A deletion of nothing may come before the first: 0. */
export const version: Decoder<Version> = record<Version>({ cfg: viewEpoch, seq: count });

/** The version that an operation replaces. */
export function expected(raw: unknown): Expected | Problem {
  return raw === "absent" ? raw : version(raw);
}

/** The order of proposals. */
export const ballot: Decoder<Ballot> = record<Ballot>({ round: whole(0, ROUND_MAX), by: nodeId });

/** A member, or what somebody who wants to be one says of itself. */
export const member: Decoder<Member> = record<Member>({
  id: nodeId,
  address,
  zone: name,
  roles: list(name, ROLES_MAX),
  kinds: list(name, KINDS_MAX),
  joinEpoch: epoch,
  status: word(["up", "leaving"]),
  capacity: real(Number.MIN_VALUE, 2 ** 32),
});

/** A member that is not in yet. */
export const newcomer: Decoder<Member> = refined(
  member,
  (one) => one.joinEpoch === 0 && one.status === "up" ? one : new Problem("is no newcomer"),
);

/** How votes are given out. */
export const quorumRule: Decoder<QuorumRule> = union<QuorumRule>({
  dynamic: {},
  seeds: { seeds: list(address, SEEDS_MAX, 1) },
  oldest: {},
});

/**
 * Says who holds a name. Records that are alike are one object: nodes keep a copy of the entry of every grain, and the
 * records of all grains of one kind on one node say the same.
 */
export function registryRecord({ specBytesMax }: FrameLimits): Decoder<RegistryRecord> {
  const known = new SameRecords();
  return refined(anyRecord(specBytesMax), (one) => known.sameAs(one));
}

function anyRecord(specBytesMax: number): Decoder<RegistryRecord> {
  return record<RegistryRecord>({
    type: word(["actor", "grain", "singleton"]),
    kind: name,
    holder: nodeId,
    holderJoin: epoch,
    spec: bytes(specBytesMax),
    isRelocatable: flag,
    isEager: flag,
    role: name,
    idempotencyKey: label,
  });
}

/** Records that are shared. At the limit all are forgotten, and begin to be shared anew. */
const RECORDS_SHARED_MAX = 1_024;

/** One record for each sort that needs nothing of its own to begin with, kept by holder and kind. */
class SameRecords {
  readonly #records = new Map<NodeId, Map<string, RegistryRecord>>();
  #count = 0;

  /** `one`, or a record kept earlier that equals it in everything. */
  sameAs(one: RegistryRecord): RegistryRecord {
    if (one.spec.length > 0 || one.idempotencyKey !== "") return one;
    const known = this.#records.get(one.holder)?.get(one.kind);
    if (known !== undefined && areAlike(known, one)) return known;
    if (known === undefined && ++this.#count > RECORDS_SHARED_MAX) {
      this.#records.clear();
      this.#count = 1;
    }
    const ofHolder = this.#records.get(one.holder);
    if (ofHolder === undefined) this.#records.set(one.holder, new Map([[one.kind, one]]));
    else ofHolder.set(one.kind, one);
    return one;
  }
}

/** Whether two records of one holder and kind, that need nothing to begin with, say the same. */
function areAlike(one: RegistryRecord, other: RegistryRecord): boolean {
  return one.type === other.type && one.holderJoin === other.holderJoin && one.role === other.role &&
    one.isRelocatable === other.isRelocatable && one.isEager === other.isEager;
}

/** A name in the registry. */
export function entryOf(limits: FrameLimits): Decoder<Entry> {
  return record<Entry>({ key: actorKey, version, opId: label, record: registryRecord(limits) });
}
