/**
 * The frames of a handshake as values and as bytes. Pure; nothing that is read is believed before its mac is.
 *
 * The beginning of a hello and of a refusal is for all versions of the protocol: by them two sides find out that they
 * speak none in common. Whatever a later version adds goes behind.
 *
 * @module
 */
import { ByteReader, malformed } from "../core/byte_reader.ts";
import { ByteWriter } from "../core/byte_writer.ts";
import { type NodeId, nodeId } from "../core/ids.ts";
import { ADDRESS_CHARS_MAX, parseAddress } from "./address.ts";
import { HANDSHAKE_BYTES_MAX } from "./link_limits.ts";
import type { Lane } from "./link_refusal.ts";
import { KEY_ID_CHARS_MAX, MAC_BYTES, NONCE_BYTES } from "./security.ts";
import { HEADER_BYTES } from "./wire.ts";

/** Versions of the protocol that a node speaks. */
export interface ProtocolRange {
  /** `1` to 255. */
  readonly min: number;
  /** `min` to 255. */
  readonly max: number;
}

/** A name and the value that both sides must have for it. */
export type Setting = readonly [name: string, value: string | number];

/** First words. */
export interface Hello {
  readonly protocol: ProtocolRange;
  readonly lane: Lane;
  readonly nonce: Uint8Array;
}

/** The dialer knows the secret `keyId`. */
export interface Proof {
  readonly keyId: string;
  readonly mac: Uint8Array;
}

/** Who somebody is. */
export interface Identity {
  readonly keyId: string;
  readonly id: NodeId;
  readonly address: string;
  /** Which dial of the dialer's life this is: the latest one holds. `0` from the listener. */
  readonly dialNumber: number;
  readonly clusterName: string;
  /** In the order of their names. */
  readonly settings: readonly Setting[];
}

/** Why there will be no link. */
export interface Refuse {
  readonly closeCode: number;
  readonly protocol: ProtocolRange;
  /** For people; empty unless the receiver has proven that it knows a secret. */
  readonly words: string;
}

/** Characters of an id. */
export const NODE_ID_CHARS_MAX = 128;
/** Characters of a cluster's name. */
export const CLUSTER_NAME_CHARS_MAX = 255;
/** Settings that are compared. */
export const SETTINGS_MAX = 32;
/** Characters of a setting's name. */
export const SETTING_NAME_CHARS_MAX = 32;
/** Characters of a setting's value. */
export const SETTING_VALUE_CHARS_MAX = 64;
const WORDS_CHARS_MAX = 512;

const MAGIC = 0x45505254; // "TRPE", read as bytes.
const LANES: readonly Lane[] = ["control", "data"];
const NUMBER = 0;
const TEXT = 1;

/** The bytes of a hello. */
export function encodeHello({ protocol, lane, nonce }: Hello): Uint8Array {
  return encoded((writer) => {
    writer.u32(MAGIC);
    writer.u8(protocol.min);
    writer.u8(protocol.max);
    writer.u8(LANES.indexOf(lane) + 1);
    writer.u8(0);
    writer.raw(nonce);
  });
}

/** A hello; `undefined` when it is none. A longer one is of a later version. */
export function decodeHello(payload: Uint8Array): Hello | undefined {
  return decoded(payload, (reader) => {
    if (reader.u32() !== MAGIC) return undefined;
    const protocol = rangeIn(reader);
    const lane = LANES[reader.u8() - 1];
    reader.u8();
    const nonce = reader.raw(NONCE_BYTES);
    return protocol === undefined || lane === undefined ? undefined : { protocol, lane, nonce };
  });
}

/** The bytes of a proof, up to its mac. */
export function encodeProof(keyId: string): Uint8Array {
  return encoded((writer) => short(writer, keyId));
}

/** A proof; `undefined` when it is none. */
export function decodeProof(payload: Uint8Array): Proof | undefined {
  return decoded(payload, (reader) => {
    const keyId = shortIn(reader, KEY_ID_CHARS_MAX);
    const mac = reader.raw(MAC_BYTES);
    return reader.left === 0 ? { keyId, mac } : undefined;
  });
}

/** The bytes of an identity, up to its mac. */
export function encodeIdentity({ keyId, id, address, dialNumber, clusterName, settings }: Identity): Uint8Array {
  return encoded((writer) => {
    writer.u32(dialNumber);
    for (const text of [keyId, id, address, clusterName]) short(writer, text);
    writer.u8(settings.length);
    for (const [name, value] of settings) {
      short(writer, name);
      writer.u8(typeof value === "number" ? NUMBER : TEXT);
      if (typeof value === "number") writer.f64(value);
      else short(writer, value);
    }
  });
}

/** An identity, to be followed by its mac; `undefined` when it is none. */
export function decodeIdentity(payload: Uint8Array): Identity | undefined {
  return decoded(payload, (reader) => {
    const dialNumber = reader.u32();
    const keyId = shortIn(reader, KEY_ID_CHARS_MAX);
    const id = shortIn(reader, NODE_ID_CHARS_MAX);
    const address = shortIn(reader, ADDRESS_CHARS_MAX);
    const clusterName = shortIn(reader, CLUSTER_NAME_CHARS_MAX);
    const settings = settingsIn(reader);
    if (settings === undefined || reader.left !== MAC_BYTES) return undefined;
    if (!isPlain(id) || parseAddress(address) === undefined) return undefined;
    return { keyId, id: nodeId(id), address, dialNumber, clusterName, settings };
  });
}

/** The bytes of a refusal. */
export function encodeRefuse({ closeCode, protocol, words }: Refuse): Uint8Array {
  return encoded((writer) => {
    writer.u16(closeCode);
    writer.u8(protocol.min);
    writer.u8(protocol.max);
    const shown = words.slice(0, WORDS_CHARS_MAX);
    writer.string(shown);
  });
}

/** A refusal; `undefined` when it is none. */
export function decodeRefuse(payload: Uint8Array): Refuse | undefined {
  return decoded(payload, (reader) => {
    const closeCode = reader.u16();
    const protocol = rangeIn(reader);
    const words = reader.string();
    return protocol === undefined ? undefined : { closeCode, protocol, words };
  });
}

/** `payload` with `mac` behind it. */
export function withMac(payload: Uint8Array, mac: Uint8Array): Uint8Array {
  const signed = new Uint8Array(payload.length + mac.length);
  signed.set(payload);
  signed.set(mac, payload.length);
  return signed;
}

/** The mac at the end of a frame that was decoded, and what is before it. */
export function splitMac(payload: Uint8Array): { readonly signed: Uint8Array; readonly mac: Uint8Array } {
  const at = payload.length - MAC_BYTES;
  return { signed: payload.subarray(0, at), mac: payload.subarray(at) };
}

function settingsIn(reader: ByteReader): readonly Setting[] | undefined {
  const settings: Setting[] = [];
  for (let left = reader.u8(); left > 0; left--) {
    const name = shortIn(reader, SETTING_NAME_CHARS_MAX);
    const tag = reader.u8();
    if (tag !== NUMBER && tag !== TEXT) return undefined;
    settings.push([name, tag === NUMBER ? reader.f64() : shortIn(reader, SETTING_VALUE_CHARS_MAX)]);
    if (settings.length > SETTINGS_MAX) return undefined;
  }
  return settings;
}

/** Ids go into logs and maps: no spaces, no quotes, nothing that moves a terminal. */
function isPlain(id: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(id);
}

function rangeIn(reader: ByteReader): ProtocolRange | undefined {
  const min = reader.u8();
  const max = reader.u8();
  return min >= 1 && max >= min ? { min, max } : undefined;
}

function short(writer: ByteWriter, text: string): void {
  writer.u16(utf8Length(text));
  writer.ensureText(0, text);
  writer.utf8(text);
}

function shortIn(reader: ByteReader, charsMax: number): string {
  const text = reader.utf8(reader.u16());
  if (text.length > charsMax) throw malformed(`a text of ${text.length} characters`);
  return text;
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

function encoded(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(HANDSHAKE_BYTES_MAX - HEADER_BYTES - MAC_BYTES);
  writer.aimAtScratch();
  write(writer);
  return writer.copy();
}

/** What `decode` makes of the bytes; `undefined` also when they end too early or aren't text. */
function decoded<T>(payload: Uint8Array, decode: (reader: ByteReader) => T | undefined): T | undefined {
  const reader = new ByteReader();
  reader.aimAt(payload);
  try {
    return decode(reader);
  } catch {
    return undefined; // The reader throws one thing: `malformed-bytes`.
  }
}
