/**
 * Puts the chunks of one record together again in private memory. Pure but for reading shared memory; mutable; owned by
 * one lane's reader. Believes nothing: what the first chunk claims is checked against the limit before a byte is
 * allocated for it, and what follows against the claim.
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import type { RingReader } from "./ring.ts";
import { CHUNK_TOTAL_BYTES, RECORD_CHUNK_FIRST } from "./ring_layout.ts";

/** A buffer larger than this is let go after its record, so that one large message does not stay for ever. */
const BUFFER_BYTES_KEPT = 1 << 20;

/** A record of which chunks are still to come, or none. */
export class Reassembly {
  /** Whether a first chunk was added and the record is not complete. */
  isBegun = false;

  readonly #bytesMax: number;
  #bytes = new Uint8Array(0);
  #length = 0;
  #total = 0;

  /** `bytesMax` is the largest record, in bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Adds the chunk that `ring` stands at; `true` when the record is complete. Throws `malformed-bytes` for any other record. */
  add(ring: RingReader): boolean {
    const start = ring.kind === RECORD_CHUNK_FIRST ? this.#begin(ring) : ring.start;
    if (!this.isBegun) throw malformed("a chunk continues a record that never began");
    const length = this.#length + ring.end - start;
    if (length > this.#total) throw malformed(`a record of ${this.#total} bytes has chunks of ${length}`);
    this.#bytes.set(ring.bytes.subarray(start, ring.end), this.#length);
    this.#length = length;
    this.isBegun = length < this.#total;
    return !this.isBegun;
  }

  /** Aims `reader` at the complete record. */
  giveTo(reader: ByteReader): void {
    reader.aimAt(this.#bytes.subarray(0, this.#length));
    if (this.#bytes.length > BUFFER_BYTES_KEPT) this.#bytes = new Uint8Array(0);
  }

  #begin(ring: RingReader): number {
    if (this.isBegun) throw malformed("a record begins between the chunks of another");
    if (ring.end - ring.start < CHUNK_TOTAL_BYTES) throw malformed("a first chunk is too short for its total");
    const total = ring.view.getUint32(ring.start, true);
    if (total > this.#bytesMax) throw malformed(`a record of ${total} bytes is over the limit of ${this.#bytesMax}`);
    if (this.#bytes.length < total) this.#bytes = new Uint8Array(total);
    this.#total = total;
    this.#length = 0;
    this.isBegun = true;
    return ring.start + CHUNK_TOTAL_BYTES;
  }
}
