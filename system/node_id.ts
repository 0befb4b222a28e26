/**
 * The id of one life of a node: time and chance. Touches the clock and the platform's source of chance.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { type NodeId, nodeId } from "../core/ids.ts";

/** Crockford's base 32: ids sort as their times do, and have no letters that look alike. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARS = 10;
const RANDOM_CHARS = 16;

/** A new id, as a ULID: 48 bits of the wall clock's milliseconds, then 80 bits of chance; 26 characters. */
export function newNodeId(): NodeId {
  let time = "";
  for (let left = Date.now(), count = 0; count < TIME_CHARS; count++) {
    time = DIGITS[left % 32] + time;
    left = Math.floor(left / 32);
  }
  const random = Array.from(randomBytes(RANDOM_CHARS), (byte) => DIGITS[byte % 32]).join("");
  return nodeId(time + random);
}
