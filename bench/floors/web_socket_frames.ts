/**
 * What the two processes of the `ws` floors send each other. Pure.
 *
 * @module
 */

/** Bytes before each frame: its length. */
export const LENGTH_BYTES = 4;

/** How everything is sent. */
export const BINARY = { binary: true } as const;

/** What the other process does with what comes. */
export type PeerPath =
  /** Counts frames, by their first byte. */
  | "/count"
  /** Answers each message. */
  | "/echo"
  /** Has a worker answer. One message at a time. */
  | "/thread";

const TOTAL_BYTES = 12;

/** So many have come from this sender. */
export function totalBytes(from: number, total: number): Uint8Array {
  const bytes = new Uint8Array(TOTAL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, from, true);
  view.setFloat64(4, total, true);
  return bytes;
}

/** What {@link totalBytes} wrote. Throws when it is something else. */
export function readTotal(data: unknown): { readonly from: number; readonly total: number } {
  if (!(data instanceof Uint8Array) || data.length !== TOTAL_BYTES) throw new Error("Cannot read a total: it is none");
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return { from: view.getUint32(0, true), total: view.getFloat64(4, true) };
}
