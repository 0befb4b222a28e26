/**
 * The bank as a service: accounts and transfers behind HTTP, kept in one SQLite file.
 *
 *     BANK_PORT=8080 BANK_DB=bank.db deno run -A examples/bank.ts
 *
 *     curl -d '{"id":"d1","amount":5000}' localhost:8080/accounts/alice/deposits
 *     curl -d '{"id":"d2","amount":100}' localhost:8080/accounts/bob/deposits
 *     curl -d '{"id":"t1","from":"alice","to":"bob","amount":1250}' localhost:8080/transfers
 *     curl localhost:8080/accounts/bob
 *     curl localhost:8080/total
 *
 * This one file is a whole node: it runs again in every worker thread.
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { bankOptionsOf, startBank } from "./bank/node.ts";

// A worker never gets past this line.
await using bank = await startBank({ ...bankOptionsOf(), entry: import.meta.url });
console.log(`the bank listens on ${bank.url}`);

await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
console.log("the bank answers what is under way and stops");
