/**
 * Small decoders, and what joins them to larger ones. Each is told a value from outside and gives a fresh one of its
 * type, or says what is wrong and where. Pure.
 *
 * One idea: a decoder for a message is a table with a line for each kind and each field, and the compiler knows which
 * lines there must be. So a message or a field that nobody decodes cannot be sent.
 *
 * Invariant: a decoder never throws, and nothing that it gives back shares an object with what it was told, except bytes
 * and values that are opaque here.
 *
 * @module
 */

/** What is wrong with a value. */
export class Problem {
  /** Where, from the outside in: `.message.view.members[3].id`. Empty for the value itself. */
  readonly path: string;
  /** What it should have been. */
  readonly reason: string;

  constructor(reason: string, path: string = "") {
    this.reason = reason;
    this.path = path;
  }

  /** The same problem, seen from one level further out. */
  at(step: string): Problem {
    return new Problem(this.reason, step + this.path);
  }
}

/** Gives a value of the type, or what is wrong with what it was told. */
export type Decoder<T> = (raw: unknown) => T | Problem;

/** A decoder for each field of a record. */
export type Fields<T> = { readonly [Name in keyof T]-?: Decoder<T[Name]> };

/** For each kind of a union, decoders for its other fields. */
export type Variants<Union extends { readonly kind: string }> = {
  readonly [Kind in Union["kind"]]: Fields<Omit<Extract<Union, { readonly kind: Kind }>, "kind">>;
};

/** Any value, as it is: for what somebody else decodes. */
export const opaque: Decoder<unknown> = (raw: unknown): unknown => raw;

/** `true` or `false`. */
export function flag(raw: unknown): boolean | Problem {
  return typeof raw === "boolean" ? raw : NO_FLAG;
}

/** A text of `charsMin` to `charsMax` UTF-16 code units. */
export function text(charsMax: number, charsMin: number = 0): Decoder<string> {
  const problem = new Problem(`is no text of ${charsMin} to ${charsMax} characters`);
  return (raw) => typeof raw === "string" && raw.length >= charsMin && raw.length <= charsMax ? raw : problem;
}

/** A whole number of the range, both ends included. Zero is never negative. */
export function whole(min: number, max: number): Decoder<number> {
  const problem = new Problem(`is no whole number from ${min} to ${max}`);
  return (raw) => typeof raw === "number" && Number.isSafeInteger(raw) && raw >= min && raw <= max ? raw + 0 : problem;
}

/** A number of the range, both ends included, that need not be whole. */
export function real(min: number, max: number): Decoder<number> {
  const problem = new Problem(`is no number from ${min} to ${max}`);
  return (raw) => typeof raw === "number" && raw >= min && raw <= max ? raw + 0 : problem;
}

const NO_BYTES = new Uint8Array();

/** Bytes, at most `bytesMax` of them. They are not copied; those that are none are always the same. */
export function bytes(bytesMax: number): Decoder<Uint8Array> {
  const problem = new Problem(`is no array of at most ${bytesMax} bytes`);
  return (raw) => {
    if (!(raw instanceof Uint8Array) || raw.byteLength > bytesMax) return problem;
    return raw.byteLength === 0 ? NO_BYTES : raw;
  };
}

/** One of these words. */
export function word<const Word extends string>(words: readonly Word[]): Decoder<Word> {
  const problem = new Problem(`is none of ${words.join(", ")}`);
  return (raw) => words.find((one) => one === raw) ?? problem;
}

/** `null`, or what `inner` takes. */
export function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  return (raw) => raw === null ? null : inner(raw);
}

/** Nothing, or what `inner` takes. */
export function optional<T>(inner: Decoder<T>): Decoder<T | undefined> {
  return (raw) => raw === undefined ? undefined : inner(raw);
}

/** What `mark` makes of a decoded value: its branded form, or a problem. */
export function refined<T, Marked>(inner: Decoder<T>, mark: (value: T) => Marked | Problem): Decoder<Marked> {
  return (raw) => {
    const value = inner(raw);
    return value instanceof Problem ? value : mark(value);
  };
}

/** An array of `countMin` to `countMax` elements. Holes are not elements. */
export function list<T>(element: Decoder<T>, countMax: number, countMin: number = 0): Decoder<readonly T[]> {
  const problem = new Problem(`is no array of ${countMin} to ${countMax} elements`);
  return (raw) => {
    if (!Array.isArray(raw) || raw.length < countMin || raw.length > countMax) return problem;
    const elements: T[] = [];
    for (let index = 0; index < raw.length; index++) {
      const decoded = element(raw[index]);
      if (decoded instanceof Problem) return decoded.at(`[${index}]`);
      elements.push(decoded);
    }
    return elements;
  };
}

/** A record of these fields. Others are left behind. */
export function record<T extends object>(fields: Fields<T>): Decoder<T> {
  const decode = recordWith<T>(fields, {});
  return (raw) => isRecord(raw) ? decode(raw) : NO_RECORD;
}

/** A union, told apart by `kind`. An unknown kind is a problem. */
export function union<Union extends { readonly kind: string }>(variants: Variants<Union>): Decoder<Union> {
  const decoders = new Map<string, (raw: RawRecord) => Union | Problem>();
  const tables: readonly (readonly [string, object])[] = Object.entries(variants);
  for (const [kind, fields] of tables) decoders.set(kind, recordWith<Union>(fields, { kind }));
  return (raw) => {
    if (!isRecord(raw)) return NO_RECORD;
    const { kind } = raw;
    const decode = typeof kind === "string" ? decoders.get(kind) : undefined;
    return decode === undefined ? UNKNOWN_KIND : decode(raw);
  };
}

type RawRecord = Readonly<Record<string, unknown>>;

const NO_FLAG = new Problem("is no boolean");
const NO_RECORD = new Problem("is no record");
const UNKNOWN_KIND = new Problem("is none of the kinds there are", ".kind");

/** Decodes each field in the order of the table, behind what is known already. */
function recordWith<T extends object>(fields: object, known: object): (raw: RawRecord) => T | Problem {
  const table: readonly (readonly [string, Decoder<unknown>])[] = Object.entries(fields);
  const names = table.map(([name]) => name);
  const decoders = table.map(([, decode]) => decode);
  return (raw) => {
    const made: Record<string, unknown> = { ...known };
    // Every message comes through here: an index is quicker than a pair for each field.
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? "";
      const value = decoders[index]?.(raw[name]);
      if (value instanceof Problem) return value.at(`.${name}`);
      made[name] = value;
    }
    return made as T; // The types of `record` and `union` see to it that the table has every field of T.
  };
}

/** Whether a value is a plain object. Of any other, a prototype might answer for a field that is not there. */
function isRecord(raw: unknown): raw is RawRecord {
  if (typeof raw !== "object" || raw === null) return false;
  const prototype: unknown = Object.getPrototypeOf(raw);
  return prototype === Object.prototype || prototype === null;
}
