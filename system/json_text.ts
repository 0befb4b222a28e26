/**
 * Any value as one line of JSON, for people and their tools: what JSON has no word for is said in words. Runs getters and
 * `toJSON` of the value, as `JSON.stringify` does; touches nothing else.
 *
 * One idea: a log is written when something is wrong already, so it must not be what fails. Where a value ends in a cycle,
 * in too much depth, in too many parts or in a getter that throws, there stands a word instead.
 *
 * Invariant: the text is one line of valid JSON, without control characters, and its length has a limit.
 *
 * @module
 */

/** Values one text holds, all levels together. At the limit: `"[more]"`. */
export const VALUES_MAX = 1_000;
/** Objects in objects. At the limit: `"[deep]"`. */
export const DEPTH_MAX = 8;
/** Characters of one text in it, and of all together. At the limit they are cut. */
export const TEXT_CHARS_MAX = 8_192;
export const CHARS_MAX: number = 1 << 16;

/** `value` as JSON. Never throws. */
export function jsonText(value: unknown): string {
  return new Writer().text(value);
}

/** What an error does not show among its fields, beside its name and message. */
const HIDDEN_FIELDS: readonly string[] = ["stack", "cause", "errors"];

class Writer {
  #valuesLeft = VALUES_MAX;
  #charsLeft = CHARS_MAX;
  /** The objects around the one that is being written. */
  readonly #path: object[] = [];

  text(value: unknown): string {
    if (this.#valuesLeft-- <= 0) return `"[more]"`;
    try {
      return this.#any(value, true);
    } catch {
      return `"[unreadable]"`;
    }
  }

  #any(value: unknown, withToJson: boolean): string {
    switch (typeof value) {
      case "string":
        return this.#quoted(value);
      case "number":
        return Number.isFinite(value) ? String(value) : `"${value}"`;
      case "boolean":
        return String(value);
      case "bigint":
      case "symbol":
        return this.#quoted(String(value));
      case "function":
        return this.#quoted(`[function ${value.name}]`);
      case "undefined":
        return "null";
      default:
        return typeof value === "object" && value !== null ? this.#around(value, withToJson) : "null";
    }
  }

  #around(value: object, withToJson: boolean): string {
    if (this.#path.includes(value)) return `"[circular]"`;
    if (this.#path.length >= DEPTH_MAX) return `"[deep]"`;
    this.#path.push(value);
    try {
      return this.#object(value, withToJson);
    } finally {
      this.#path.pop();
    }
  }

  #object(value: object, withToJson: boolean): string {
    if (Array.isArray(value)) return this.#list(value, value.length);
    if (value instanceof Error) return this.#error(value);
    if (value instanceof Map || value instanceof Set) return this.#list(value, value.size);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      return this.#quoted(`[${value.constructor.name} of ${value.byteLength} bytes]`);
    }
    if (value instanceof Date) return this.#quoted(Number.isNaN(value.getTime()) ? String(value) : value.toISOString());
    if (withToJson && "toJSON" in value && typeof value.toJSON === "function") {
      return this.#any(value.toJSON(), false);
    }
    return this.#fields(value, Object.keys(value));
  }

  #error(error: Error): string {
    const hidden = HIDDEN_FIELDS.filter((name) => name in error);
    return this.#fields(error, [...new Set(["name", "message", ...Object.keys(error), ...hidden])]);
  }

  #fields(object: object, names: readonly string[]): string {
    const fields: string[] = [];
    for (const name of names) {
      if (this.#valuesLeft <= 0) {
        fields.push(`"[more]":${names.length - fields.length}`);
        break;
      }
      const value = fieldOf(object, name);
      if (value !== undefined) {
        fields.push(`${this.#quoted(name)}:${value === UNREADABLE ? UNREADABLE.text : this.text(value)}`);
      }
    }
    return `{${fields.join(",")}}`;
  }

  #list(items: Iterable<unknown>, count: number): string {
    const texts: string[] = [];
    for (const item of items) {
      if (this.#valuesLeft <= 0) {
        texts.push(`"[${count - texts.length} more]"`);
        break;
      }
      texts.push(this.text(item));
    }
    return `[${texts.join(",")}]`;
  }

  #quoted(text: string): string {
    const room = Math.max(0, Math.min(TEXT_CHARS_MAX, this.#charsLeft));
    this.#charsLeft -= Math.min(room, text.length);
    const shown = text.length <= room ? text : `${text.slice(0, room)}[${text.length - room} more]`;
    return printable(JSON.stringify(shown));
  }
}

/** `text` without what a terminal obeys or a reader of lines takes for an end of line: that is shown as `\u000a`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/gu;

const UNREADABLE = { text: `"[unreadable]"` };

function fieldOf(object: object, name: string): unknown {
  try {
    return Reflect.get(object, name);
  } catch {
    return UNREADABLE;
  }
}
