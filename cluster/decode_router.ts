/**
 * Decoding what routers say to each other. What users sent is opaque here. Pure.
 *
 * @module
 */
import { decodeFailure, type FailureData } from "../core/failure.ts";
import { actorKey, count, milliseconds, name, nodeId, version, viewEpoch } from "./decode_values.ts";
import {
  type Decoder,
  type Fields,
  opaque,
  optional,
  Problem,
  record,
  union,
  type Variants,
  word,
} from "./decoding.ts";
import type {
  AskOutcome,
  BouncedFrame,
  FlushFrame,
  Place,
  RouterMessage,
  SenderId,
  UserFrame,
} from "./router_protocol.ts";

/** A message of a router. */
export const routerMessage: Decoder<RouterMessage> = routerMessageOf();

function routerMessageOf(): Decoder<RouterMessage> {
  const userFields: Fields<Omit<UserFrame, "kind">> = {
    target: actorKey,
    token: version,
    actorKind: name,
    sender: optional(record<SenderId>({ key: actorKey, token: version })),
    askId: optional(count),
    remainingMs: optional(milliseconds),
    waitedMs: milliseconds,
    bytes: count,
    payload: opaque,
  };
  const failure: Decoder<FailureData> = (raw) => decodeFailure(raw) ?? new Problem("is no failure");
  const outcome = union<AskOutcome>({ ok: { value: opaque }, failed: { failure } });
  const bounced: Fields<Omit<BouncedFrame, "kind">> = {
    frame: union<UserFrame>({ user: userFields }),
    reason: word(["moved", "not-here", "stopped"]),
    hint: optional(record<Place>({ node: nodeId, token: version })),
  };
  const flush: Fields<Omit<FlushFrame, "kind">> = { flushId: count, target: actorKey, token: version };
  const messages: Variants<RouterMessage> = {
    user: userFields,
    reply: { askId: count, outcome },
    bounced,
    flush,
    flushAck: { flushId: count },
    epochMark: { epoch: viewEpoch },
  };
  return union<RouterMessage>(messages);
}
