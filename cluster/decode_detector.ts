/**
 * Decoding what failure detectors say to each other. Pure.
 *
 * @module
 */
import { count, nodeId, viewEpoch } from "./decode_values.ts";
import { type Decoder, flag, union, word } from "./decoding.ts";
import type { DetectorMessage } from "./detector_protocol.ts";

/** A message of a detector. */
export const detectorMessage: Decoder<DetectorMessage> = union<DetectorMessage>({
  ping: { seq: count, accused: flag },
  pong: { seq: count },
  pingRequest: { seq: count, target: nodeId },
  pongForward: { seq: count },
  pingNack: { seq: count },
  alert: { subject: nodeId, alert: word(["down", "link", "clear"]), epoch: viewEpoch },
});
