/**
 * The inside of a message between nodes: its handler, its sender, the chain of asks it is part of and its arguments, as
 * one encoded value. Whoever carries it reads nothing of it; whoever receives it believes nothing of it. Pure.
 *
 * Kinds and handlers go by name: nodes of one cluster need not run the same version of a program.
 *
 * @module
 */
import { malformed } from "../core/byte_reader.ts";
import { decodeFromBytes, encodeToPassingBytes } from "../core/codec.ts";
import type { ChainLink } from "../core/envelope.ts";
import type { ActorKey } from "../core/ids.ts";
import { CALL_CHAIN_HOPS_MAX, MESSAGE_BYTES_DEFAULT } from "../core/limits.ts";
import type { RefCodec } from "../core/ref_data.ts";

/** What a message carries beside its target. */
export interface Letter {
  readonly handler: string;
  /** Kind and key of the actor that sent it, if one did. */
  readonly sender: { readonly kind: string; readonly key: string } | undefined;
  readonly chain: ChainLink | undefined;
  readonly args: readonly unknown[];
  /** The trace it belongs to; missing where there is none. */
  readonly trace: string | undefined;
}

/** Where the arguments stand in a letter, as the encoder says it. */
export const LETTER_ARGUMENTS = "[0]";

/** The bytes of a letter. Throws what {@link encodeToPassingBytes} throws. */
export function encodeLetter(
  { handler, sender, chain, args, trace }: Letter,
  refs: RefCodec,
  bytesMax: number = MESSAGE_BYTES_DEFAULT,
): Uint8Array {
  const links: unknown[] = [];
  for (let link = chain; link !== undefined; link = link.previous) links.push(link.invocation, link.key, link.handler);
  const parts = [args, handler, sender?.kind, sender?.key, links];
  return encodeToPassingBytes(trace === undefined ? parts : [...parts, trace], refs, bytesMax);
}

/** The letter that `payload` is. Throws `malformed-bytes`, or `kind-unknown` for a ref of a kind that isn't here. */
export function decodeLetter(payload: unknown, refs: RefCodec): Letter {
  if (!(payload instanceof Uint8Array)) throw malformed("a letter is bytes");
  const parts = decodeFromBytes(payload, refs);
  if (!Array.isArray(parts) || parts.length < 5 || parts.length > 6) throw malformed("a letter has five or six parts");
  const [args, handler, kind, key, links, trace]: readonly unknown[] = parts;
  if (!Array.isArray(args) || typeof handler !== "string") throw malformed("a letter has arguments and a handler");
  const sender = typeof kind === "string" && typeof key === "string" ? { kind, key } : undefined;
  return { args, handler, sender, chain: chainOf(links), trace: typeof trace === "string" ? trace : undefined };
}

function chainOf(links: unknown): ChainLink | undefined {
  if (!Array.isArray(links) || links.length % 3 !== 0 || links.length > 3 * CALL_CHAIN_HOPS_MAX) {
    throw malformed("a chain of asks is a list of links");
  }
  let chain: ChainLink | undefined;
  for (let index = links.length - 3; index >= 0; index -= 3) {
    const [invocation, key, handler]: readonly unknown[] = links.slice(index, index + 3);
    if (typeof invocation !== "number" || typeof key !== "string" || typeof handler !== "string") {
      throw malformed("a link of a chain is a number and two texts");
    }
    chain = { invocation, key: key as ActorKey, handler, hops: (chain?.hops ?? 0) + 1, previous: chain };
  }
  return chain;
}
