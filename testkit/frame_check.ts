/**
 * Sends a frame through what the wire would do to it: encoded, decoded, and looked through as one from outside. Pure.
 *
 * One idea: in a simulation frames go by reference, so nobody would notice one that cannot travel, that comes out
 * different, or that the decoder takes for nonsense.
 *
 * @module
 */
import { decodeFromBytes, encodeToBytes } from "../core/codec.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import { frameDecoder, isFrameProblem } from "../cluster/decode_frame.ts";
import type { FrameLimits } from "../cluster/decode_values.ts";

/** Says what is wrong with a frame; `undefined` when it comes out as it went in. */
export function frameCheck(limits: FrameLimits): (frame: Frame) => string | undefined {
  const decode = frameDecoder(limits);
  return (frame) => {
    const name = `${frame.part}/${frame.message.kind}`;
    const decoded = decode(decodeFromBytes(encodeToBytes(frame)));
    if (isFrameProblem(decoded)) return `${name} is refused: ${decoded.problem}`;
    const path = differenceOf(decoded, frame, "frame");
    return path === undefined ? undefined : `${name} comes out different at ${path}`;
  };
}

/** Where two plain values differ first; `undefined` when they are the same. A field that is `undefined` counts. */
function differenceOf(one: unknown, other: unknown, path: string): string | undefined {
  if (Object.is(one, other)) return undefined;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return path;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return path;
  const fields = new Map(Object.entries(other));
  for (const [name, value] of Object.entries(one)) {
    if (!fields.has(name)) return `${path}.${name}`;
    const difference = differenceOf(value, fields.get(name), `${path}.${name}`);
    if (difference !== undefined) return difference;
    fields.delete(name);
  }
  for (const missing of fields.keys()) return `${path}.${missing}`;
  return undefined;
}
