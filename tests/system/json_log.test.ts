/**
 * The logs a system can be given: lines a program can read, whatever was logged.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ActorError } from "../../core/failure.ts";
import type { Log } from "../../core/ports.ts";
import { jsonLog, type LogLevel, type LogOptions, textLog } from "../../system/json_log.ts";
import { CHARS_MAX, DEPTH_MAX, jsonText, TEXT_CHARS_MAX, VALUES_MAX } from "../../system/json_text.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

function linesOf(make: (options: LogOptions) => Log, level: LogLevel | undefined, write: (log: Log) => void): string[] {
  const lines: string[] = [];
  write(make({ level, write: (line) => lines.push(line) }));
  return lines;
}

/** The fields of one entry as a program reads them. */
function fieldsOf(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const [line = ""] = linesOf(jsonLog, "info", (log) => log.warn("here", fields));
  return JSON.parse(line).fields;
}

describe("jsonLog()", () => {
  it("writes time, level, message and fields, one line an entry", () => {
    const [line = "", bare = ""] = linesOf(jsonLog, "info", (log) => {
      log.warn("a worker\nended", { thread: 2, of: { name: "bank" } });
      log.error("alone", {});
    });
    const { time, ...rest } = JSON.parse(line);
    assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
    assert.deepEqual(rest, { level: "warn", message: "a worker\nended", fields: { thread: 2, of: { name: "bank" } } });
    assert.ok(!line.includes("\n"));
    assert.deepEqual(Object.keys(JSON.parse(bare)), ["time", "level", "message"]);
  });

  for (const make of [jsonLog, textLog]) {
    it(`leaves out what is below its level: ${make.name}`, () => {
      for (const [index, level] of LEVELS.entries()) {
        const lines = linesOf(make, level, (log) => LEVELS.forEach((each) => log[each](each)));
        assert.deepEqual(lines.length, LEVELS.length - index, level);
      }
      assert.equal(linesOf(make, undefined, (log) => LEVELS.forEach((each) => log[each](each))).length, 3);
    });
  }

  it("shows an error with its code and causes, and what JSON has no word for in words", () => {
    const cause = new TypeError("inner");
    const { error, ...rest } = fieldsOf({
      error: new ActorError("no-luck", "not today", { details: { day: 5n }, cause }),
      big: 2n ** 70n,
      nan: NaN,
      map: new Map<unknown, unknown>([["a", 1]]),
      set: new Set([1, 2]),
      date: new Date(0),
      noDate: new Date(NaN),
      bytes: new Uint8Array(9),
      url: new URL("http://a/b"),
      call: LEVELS.forEach,
      none: undefined,
      nil: null,
    });
    assert.deepEqual(rest, {
      big: String(2n ** 70n),
      nan: "NaN",
      map: [["a", 1]],
      set: [1, 2],
      date: "1970-01-01T00:00:00.000Z",
      noDate: "Invalid Date",
      bytes: "[Uint8Array of 9 bytes]",
      url: "http://a/b",
      call: "[function forEach]",
      nil: null,
    });
    const shown = JSON.stringify(error);
    for (const part of ["no-luck", "not today", '"day":"5"', "delivered", "inner", "TypeError", "stack"]) {
      assert.ok(shown.includes(part), `${part} in ${shown}`);
    }
  });

  it("puts a word where a value ends in a cycle, in a getter that throws, or in too much of anything", () => {
    const circle: Record<string, unknown> = { same: {} };
    circle.self = circle;
    circle.twice = [circle.same, circle.same];
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = {
      get bad(): never {
        throw new RangeError("no");
      },
      good: 1,
    };
    assert.deepEqual(fieldsOf({ circle, proxy, throwing, toJson: { toJSON: () => circle.gone, own: 1 } }), {
      circle: { same: {}, self: "[circular]", twice: [{}, {}] },
      proxy: "[unreadable]",
      throwing: { bad: "[unreadable]", good: 1 },
      toJson: null,
    });
    const deep = JSON.stringify(fieldsOf({ deep: JSON.parse("[".repeat(99) + "]".repeat(99)) }));
    assert.equal(deep, `{"deep":${"[".repeat(DEPTH_MAX - 1)}"[deep]"${"]".repeat(DEPTH_MAX - 1)}}`);
    const many = fieldsOf({ many: Array.from({ length: 10 * VALUES_MAX }, () => 0) }).many as unknown[];
    assert.ok(many.length <= VALUES_MAX && /^\[\d+ more\]$/.test(String(many.at(-1))), String(many.at(-1)));
    const { long } = fieldsOf({ long: "x".repeat(2 * TEXT_CHARS_MAX) });
    assert.equal(long, `${"x".repeat(TEXT_CHARS_MAX)}[${TEXT_CHARS_MAX} more]`);
  });

  it("never throws, nor leaves alone what a write that waits rejects with", () => {
    const failure = Promise.reject(new Error("disk full"));
    let taken = 0;
    const taking = Object.assign(failure, {
      catch: (rejected: (reason: unknown) => void) => {
        taken++;
        return failure.then(undefined, rejected);
      },
    });
    const log = jsonLog({
      write: (line) => {
        if (line.includes("now")) throw new Error("disk full");
        return taking;
      },
    });
    log.error("now");
    log.error("later");
    assert.equal(taken, 1);
    for (const odd of [Symbol("m"), { toString: null }, undefined, 5n]) {
      for (const make of [jsonLog, textLog]) {
        // A program without types can log anything.
        linesOf(make, "debug", (each) => Reflect.apply(each.info, each, [odd, odd]));
      }
    }
    const odd = (make: typeof jsonLog) =>
      linesOf(make, "info", (each) => Reflect.apply(each.info, each, [Symbol("m")]));
    assert.equal(JSON.parse(odd(jsonLog)[0] ?? "").message, "Symbol(m)");
    assert.deepEqual(odd(textLog), ['troupe info "Symbol(m)"']);
  });

  it("refuses options it doesn't know, all at once", () => {
    const options = JSON.parse('{ "level": "loud", "write": 5, "wirte": 1 }');
    for (const make of [jsonLog, textLog]) {
      assert.throws(() => make(options), (error) => {
        assert.ok(error instanceof ActorError && error.code === "invalid-options");
        for (const name of ["level", "write", "wirte"]) assert.ok(error.message.includes(name), error.message);
        return true;
      });
    }
  });
});

describe("textLog()", () => {
  it("is one line an entry, whatever the message and the fields hold", () => {
    const lines = linesOf(textLog, "warn", (log) => {
      log.warn("a\nb\u001b[2J", { text: "c\nd", of: { e: 1n } });
      log.error("bad", {
        get field(): never {
          throw new Error("no");
        },
      });
      log.error("alone");
    });
    assert.deepEqual(lines, [
      'troupe warn a\\u000ab\\u001b[2J text="c\\nd" of={"e":"1"}',
      'troupe error bad fields={"field":"[unreadable]"}',
      "troupe error alone",
    ]);
  });
});

describe("jsonText()", () => {
  it("gives one line of valid JSON within its limit for any value", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withObjectString: true,
      withNullPrototype: true,
      withBoxedValues: true,
      stringUnit: "binary",
      maxDepth: 6,
    });
    fc.assert(fc.property(anything, (value) => {
      const text = jsonText(value);
      JSON.parse(text);
      assert.ok(!/[\p{Cc}\u2028\u2029]/u.test(text), text);
      assert.ok(text.length <= 6 * CHARS_MAX + 64 * VALUES_MAX);
    }));
  });
});
