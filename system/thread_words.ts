/**
 * The words of the cluster's machine as threads have them, and theirs as the machine has them. Pure.
 *
 * @module
 */
import { ActorError, type Fate, toFailureData } from "../core/failure.ts";
import { type ActorKey, nodeId } from "../core/ids.ts";
import type { StopReason } from "../core/lifecycle.ts";
import { isGrainKey } from "../core/names.ts";
import type { StopReason as MachineStop } from "../cluster/directory_protocol.ts";
import type { Arrived, AskOutcome, BounceReason, Letter, UserFrame } from "../cluster/router_protocol.ts";
import type { StopWord } from "../workers/abroad.ts";
import type { ClusterLetter, LetterOutcome } from "../workers/cluster_port.ts";
import type { Delivery } from "../workers/cluster_records.ts";

/** A letter of an actor. */
export function letterOf(letter: ClusterLetter): Letter {
  return { ...letter, bytes: letter.payload.length };
}

/** A message on its way to a worker; `id` is what it is awaited under, and `payload` its own. */
export function deliveryOf(
  id: number,
  number: number,
  { from, generation: link, at }: Arrived,
  { target, token, actorKind, sender, askId, remainingMs, waitedMs }: UserFrame,
  payload: Uint8Array,
): Delivery {
  return {
    id,
    number,
    target: target as ActorKey,
    actorKind,
    token,
    from,
    link,
    at,
    sender: sender && { key: sender.key as ActorKey, token: sender.token },
    ask: askId === undefined ? undefined : { id: askId, remainingMs: remainingMs ?? 0 },
    waitedMs,
    payload,
  };
}

/** The same on its way back. */
export function arrivedOf(
  { target, actorKind, token, from, link, at, sender, ask, waitedMs, payload }: Delivery,
): Arrived {
  return {
    from: nodeId(from),
    generation: link,
    at,
    frame: {
      kind: "user",
      target,
      token,
      actorKind,
      sender,
      askId: ask?.id,
      remainingMs: ask?.remainingMs,
      waitedMs,
      bytes: payload.length,
      payload,
    },
  };
}

/** Why an activation is to end. */
export function stopWordOf(reason: MachineStop): StopWord {
  switch (reason) {
    case "released":
    case "gave-up":
      return "released";
    case "left":
      return "stopping";
    case "handoff":
      return "moved";
    case "fenced":
    case "lost-claim":
      return "fenced";
    default:
      return reason satisfies never;
  }
}

/** What senders hear of an activation that has ended. A grain is only not here; a spawned actor that ends by itself is nowhere. */
export function bounceOf(key: ActorKey, reason: StopReason): BounceReason {
  if (reason === "moved") return "moved";
  return isGrainKey(key) || reason === "fenced" || reason === "not-found" ? "not-here" : "stopped";
}

/** The answer to an ask. */
export function outcomeOf(outcome: AskOutcome): LetterOutcome {
  if (outcome.kind === "failed") return outcome;
  if (outcome.value instanceof Uint8Array) return { kind: "ok", value: outcome.value };
  const failure = toFailureData(new ActorError("malformed-bytes", "Cannot read the reply", { fate: "delivered" }));
  return { kind: "failed", failure };
}

/** An answer that is a failure. */
export function failedWith(code: string, fate: Fate, message: string): LetterOutcome {
  return { kind: "failed", failure: { code, fate, message, details: {} } };
}

/** What is left of an answer that is larger than this node takes. */
export function tooLarge(outcome: LetterOutcome): LetterOutcome {
  if (outcome.kind === "ok") {
    return failedWith("message-too-large", "delivered", "Cannot take the reply: it is larger than this node takes");
  }
  const { code, fate } = outcome.failure;
  return failedWith(code, fate, "Cannot take all of the failure: it is larger than this node takes");
}
