import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { instant } from "../../core/ids.ts";
import { STATE_BYTES_MAX, WAIT_MS_MAX } from "../../core/limits.ts";
import { fencingToken } from "../../core/store.ts";
import { isBusy, openConnection } from "../../stores/sqlite_connection.ts";
import { GroupCommit } from "../../stores/sqlite_group_commit.ts";
import { platformOutside } from "../../stores/sqlite_retry.ts";
import type { Outside } from "../../stores/sqlite_retry.ts";
import { sqliteStore, sqliteStoreWith } from "../../stores/sqlite.ts";
import { stateStoreContract } from "../contract/state_store.ts";

for (const synchronous of ["normal", "full"] as const) {
  stateStoreContract(`sqliteStore with synchronous ${synchronous}`, () => {
    const folder = makeFolder();
    return {
      provider: sqliteStore({ path: join(folder, "states.db"), synchronous }),
      dispose: () => rmSync(folder, { recursive: true }),
    };
  });
}

describe("isBusy", () => {
  const thrown = (errcode: unknown) => Object.assign(new Error("x"), { errcode });

  it("is true of BUSY, LOCKED and PROTOCOL with any extension, and of nothing else", () => {
    const codes = [5, 5 | 1 << 8, 5 | 2 << 8, 6, 6 | 1 << 8, 15];
    assert.ok(codes.every((errcode) => isBusy(thrown(errcode))));
    const others = [0, 1, 10, 11, 13, 1 << 8, 7 | 5 << 8, "5", undefined];
    assert.ok(!others.some((errcode) => isBusy(thrown(errcode))));
    assert.ok(![new Error("x"), { errcode: 5 }, undefined, "busy"].some(isBusy));
  });
});

describe("sqliteStore", () => {
  const token = fencingToken(1, 1, 1);
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = makeFolder();
    path = join(folder, "states.db");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("says that threads share it", () => {
    assert.deepEqual([sqliteStore({ path }).kind, sqliteStore({ path }).isShared], ["sqlite", true]);
  });

  it("touches no file before open()", () => {
    sqliteStore({ path }).problems();
    assert.deepEqual(readdirSync(folder), []);
  });

  it("leaves one file when the last store is closed", async () => {
    const store = await sqliteStore({ path }).open();
    await store.save("k", token, new Uint8Array(1));
    await store.close();
    assert.deepEqual(readdirSync(folder), ["states.db"]);
  });

  describe("problems()", () => {
    const cases: readonly (readonly [options: string, name: string, value: string, allowed: string])[] = [
      ['{ "path": "" }', "path", '""', "the path of a file"],
      ['{ "path": "a\\u0000b" }', "path", '"a\\u0000b"', "the path of a file"],
      [
        '{ "path": ":memory:" }',
        "path",
        '":memory:"',
        "the path of a file, which threads can share (or memoryStore())",
      ],
      ['{ "path": "file:states.db" }', "path", '"file:states.db"', "the path of a file, not a URL"],
      ['{ "path": 7 }', "path", "7", "the path of a file"],
      ["{}", "path", "not given", "the path of a file"],
      ['{ "path": "x.db", "pathh": "x.db" }', "pathh", "an unknown option", "sqliteStore.path"],
      [
        '{ "path": "x.db", "file": "x.db" }',
        "file",
        "an unknown option",
        "one of path, synchronous, timeoutMs, waitingOperationsMax, waitingBytesMax",
      ],
      ['{ "path": "x.db", "synchronous": "off" }', "synchronous", '"off"', '"normal" or "full"'],
      ['{ "path": "x.db", "timeoutMs": 0 }', "timeoutMs", "0", `a whole number from 1 to ${WAIT_MS_MAX}`],
      ['{ "path": "x.db", "timeoutMs": "1" }', "timeoutMs", '"1"', `a whole number from 1 to ${WAIT_MS_MAX}`],
      [
        '{ "path": "x.db", "waitingOperationsMax": 0 }',
        "waitingOperationsMax",
        "0",
        "a whole number from 1 to 1048576",
      ],
      [
        `{ "path": "x.db", "waitingBytesMax": ${STATE_BYTES_MAX - 1} }`,
        "waitingBytesMax",
        "67108863",
        "a whole number from 67108864 to 4294967296",
      ],
    ];
    for (const [options, name, value, allowed] of cases) {
      it(`says of ${options}: ${name} is ${value}; allowed: ${allowed}`, async () => {
        const provider = sqliteStore(JSON.parse(options));
        const problems = [{ name: `sqliteStore.${name}`, value, allowed }];
        assert.deepEqual(provider.problems(), problems);
        await assert.rejects(provider.open(), { code: "invalid-options", details: { problems } });
        assert.deepEqual(readdirSync(folder), []);
      });
    }

    it("lists everything that is wrong with options that the types forbid", () => {
      const options: unknown[] = [undefined, null, 7, [], { file: "x.db", timeoutMs: 0 }];
      const counts = options.map((each) => Reflect.apply(sqliteStore, undefined, [each]).problems().length);
      assert.deepEqual(counts, [1, 2, 2, 2, 3]);
    });
  });

  describe("open() rejects, not delivered, and says why, when", () => {
    const rejects = (refusedPath: string, reason: string | RegExp) =>
      assert.rejects(sqliteStore({ path: refusedPath }).open(), (error: Error) => {
        assert.deepEqual({ ...error }, { ...error, code: "store-failed", fate: "not-delivered" });
        assert.ok(error.message.startsWith(`Cannot open the store ${refusedPath}: `), error.message);
        const said = error.message.slice(`Cannot open the store ${refusedPath}: `.length);
        if (typeof reason === "string") assert.equal(said, reason);
        else assert.match(said, reason);
        return true;
      });

    it("the folder is missing", () =>
      rejects(join(folder, "a", "b.db"), `the folder ${join(folder, "a")} does not exist`));

    it("the path is a folder", () => rejects(folder, /^unable to open database file/));

    it("the path is below a file", async () => {
      writeFileSync(path, "");
      await rejects(join(path, "b.db"), /^unable to open database file/);
    });

    it("the file is not a database", async () => {
      writeFileSync(path, "this is a letter to my aunt. ".repeat(300));
      await rejects(path, "file is not a database");
    });

    it("the file is a damaged database", async () => {
      await (await sqliteStore({ path }).open()).close();
      const bytes = readFileSync(path);
      bytes.fill(0xff, 100);
      writeFileSync(path, bytes);
      await rejects(path, "database disk image is malformed");
    });

    it("the file has another schema version, which it keeps", async () => {
      await (await sqliteStore({ path }).open()).close();
      const database = new DatabaseSync(path);
      database.exec("PRAGMA user_version = 2");
      database.close();
      const before = readFileSync(path);
      await rejects(path, "it has schema version 2, and this program knows version 1");
      assert.deepEqual(readFileSync(path), before);
    });

    it("the file is another program's, which stays as it is", async () => {
      const database = new DatabaseSync(path);
      database.exec("CREATE TABLE songs (title TEXT)");
      database.close();
      const before = readFileSync(path);
      await rejects(path, "it holds the data of another program");
      assert.deepEqual(readFileSync(path), before);
      assert.deepEqual(readdirSync(folder), ["states.db"]);
    });

    it("another connection holds a new file until the deadline", async () => {
      const holder = new DatabaseSync(path);
      holder.exec("BEGIN EXCLUSIVE");
      let nowMs = 0;
      const outside: Outside = {
        ...platformOutside,
        now: () => instant(nowMs),
        later: (waitMs, task) => {
          nowMs += waitMs;
          queueMicrotask(task);
        },
      };
      await assert.rejects(sqliteStoreWith({ path, timeoutMs: 300 }, outside).open(), {
        code: "store-failed",
        fate: "not-delivered",
        message: `Cannot open the store ${path}: others held it for 300 ms`,
      });
      holder.close();
    });
  });

  describe("while another connection writes", () => {
    it("open() of a new file waits on a timer and then opens", async () => {
      const holder = new DatabaseSync(path);
      holder.exec("BEGIN EXCLUSIVE");
      const retry = Promise.withResolvers<() => void>();
      const opening = sqliteStoreWith({ path }, { ...platformOutside, later: (_, task) => retry.resolve(task) }).open();
      const task = await retry.promise;
      holder.exec("ROLLBACK");
      task();
      await (await opening).close();
      holder.close();
    });

    it("open() of a file that is ours does not wait", async () => {
      await (await sqliteStore({ path }).open()).close();
      const holder = new DatabaseSync(path);
      holder.exec("BEGIN IMMEDIATE");
      await (await sqliteStoreWith({ path }, withoutTimers()).open()).close();
      holder.close();
    });

    it("a save waits on a timer and then saves; a load before it does not wait", async () => {
      await (await sqliteStore({ path }).open()).close();
      const holder = new DatabaseSync(path);
      const retry = Promise.withResolvers<() => void>();
      const store = await sqliteStoreWith({ path }, { ...platformOutside, later: (_, task) => retry.resolve(task) })
        .open();
      holder.exec("BEGIN IMMEDIATE");
      assert.equal(await store.load("k"), undefined);
      const saved = store.save("k", token, Uint8Array.of(1));
      const task = await retry.promise;
      holder.exec("ROLLBACK");
      task();
      assert.deepEqual(await saved, { kind: "saved" });
      await store.close();
      holder.close();
    });

    it("a file that another connection makes at any moment of open() is the same file", async () => {
      for (let momentIndex = 0; momentIndex < 16; momentIndex++) {
        const racedPath = join(folder, `raced${momentIndex}.db`);
        let statementIndex = 0;
        class RacedDatabase extends DatabaseSync {
          override prepare(sql: string): StatementSync {
            if (statementIndex++ === momentIndex) {
              whenFree(() => openConnection({ DatabaseSync }, racedPath, "normal").close());
            }
            return super.prepare(sql);
          }
        }
        whenFree(() => openConnection({ DatabaseSync: RacedDatabase }, racedPath, "normal").close());
        assert.ok(statementIndex > 1, "the race took place");
        const store = await sqliteStore({ path: racedPath }).open();
        assert.equal(await store.generationOf("c"), 1);
        await store.close();
      }
    });

    it("ten stores that open one new file at once all open, and agree on it", async () => {
      const stores = await Promise.all(Array.from({ length: 10 }, () => sqliteStore({ path }).open()));
      const generations = await Promise.all(stores.map((store) => store.generationOf("c")));
      assert.deepEqual(new Set(generations), new Set([1]));
      await Promise.all(stores.map((store) => store.close()));
    });
  });

  describe("when the medium fails", () => {
    it("a save for which there is no room fails alone, fate unknown, and later ones fit again", async () => {
      const limits = { timeoutMs: 5000, waitingOperationsMax: 100, waitingBytesMax: STATE_BYTES_MAX };
      const connection = openConnection({ DatabaseSync: SmallDatabase }, path, "normal");
      const store = new GroupCommit(path, connection, limits, platformOutside);
      const results = await Promise.allSettled([
        store.save("a", token, new Uint8Array(10)),
        store.save("b", token, new Uint8Array(1 << 20)),
        store.save("c", token, new Uint8Array(10)),
      ]);
      assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
      await assert.rejects(store.save("b", token, new Uint8Array(1 << 20)), {
        code: "store-failed",
        fate: "unknown",
        message: `Cannot use the store ${path}: database or disk is full`,
      });
      assert.equal(await store.load("b"), undefined);
      assert.deepEqual(await store.save("b", token, new Uint8Array(10)), { kind: "saved" });
      await store.close();
    });

    it("a token, state or generation that another program wrote is malformed-bytes, for its key only", async () => {
      const store = await sqliteStore({ path }).open();
      await Promise.all(["good", "token", "bytes"].map((key) => store.save(key, token, Uint8Array.of(1))));
      await store.generationOf("c");
      const vandal = new DatabaseSync(path);
      vandal.exec("UPDATE states SET token = 'zzz' WHERE key = 'token'");
      vandal.exec("UPDATE states SET bytes = 'text' WHERE key = 'bytes'");
      vandal.exec("UPDATE generations SET generation = -1");
      vandal.close();
      const results = await Promise.allSettled([
        store.load("token"),
        store.load("good"),
        store.load("bytes"),
        store.save("token", token, Uint8Array.of(2)),
        store.generationOf("c"),
      ]);
      const seen = results.map((result) => result.status === "rejected" ? result.reason.code : result.status);
      assert.deepEqual(seen, [
        "malformed-bytes",
        "fulfilled",
        "malformed-bytes",
        "malformed-bytes",
        "malformed-bytes",
      ]);
      await store.close();
    });

    it("a file that is damaged while it is open rejects with store-failed and does not crash", async () => {
      const store = await sqliteStore({ path }).open();
      await store.save("k", token, new Uint8Array(100_000));
      await store.close();
      const bytes = readFileSync(path);
      bytes.fill(0xff, 4096);
      writeFileSync(path, bytes);
      const damaged = await sqliteStore({ path }).open();
      await assert.rejects(damaged.load("k"), { code: "store-failed", fate: "unknown" });
      await assert.rejects(damaged.save("k", token, new Uint8Array(1)), { code: "store-failed", fate: "unknown" });
      await damaged.close();
    });
  });
});

/** A database whose file may have 20 pages: a disk that is full soon. */
class SmallDatabase extends DatabaseSync {
  constructor(path: string) {
    super(path);
    this.exec("PRAGMA max_page_count = 20");
  }
}

/** Does `work`, or nothing when the file is held: only that excuses it. */
function whenFree(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (!isBusy(thrown)) throw thrown;
  }
}

function withoutTimers(): Outside {
  return { ...platformOutside, later: () => assert.fail("nothing waits on a timer") };
}

/** In memory where there is such a folder: the properties open a thousand files, and a busy disk takes 100 ms to sync one. */
function makeFolder(): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "troupe-store-"));
}
