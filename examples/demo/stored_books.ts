/**
 * The balances as they lie in the SQLite file, read past the bank: what the nodes say is compared with what they have
 * written. States are MessagePack, so any reader of that can read them. Reads a file; not while a node of this very
 * process has it open.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { addExtension, Unpackr } from "msgpackr";

/** How the runtime writes a `Map`: passed over here, for the balance is no part of it. */
const MAP_EXTENSION = 2;

/** Account → cents. */
export function storedBalances(path: string): ReadonlyMap<string, number> {
  addExtension({ type: MAP_EXTENSION, unpack: () => "a map" });
  const unpackr = new Unpackr({ useRecords: false });
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const balances = new Map<string, number>();
    const rows = database.prepare("SELECT key, bytes FROM states WHERE key LIKE 'account:%' ORDER BY key");
    for (const { key, bytes } of rows.all()) {
      const state: unknown = bytes instanceof Uint8Array ? unpackr.unpack(bytes) : undefined;
      const isAccount = typeof state === "object" && state !== null && "balance" in state && "isOpen" in state;
      if (!isAccount || typeof state.balance !== "number") {
        throw new Error(`Cannot read ${String(key)} in ${path}: it is no account`);
      }
      // Who was asked for and never got a cent has a state too.
      if (state.isOpen === true) balances.set(String(key).slice("account:".length), state.balance);
    }
    return balances;
  } finally {
    database.close();
  }
}
