/**
 * The bank as one process of a cluster. One file, two lives: the main thread, which joins the cluster and serves
 * customers, and each of its workers, which run the accounts. Alone it is a whole program too:
 *
 *     deno run -A examples/bank/node_process.ts --cluster-port 7001 --http-port 8001 --seeds 127.0.0.1:7001,127.0.0.1:7002
 *     deno run -A examples/bank/node_process.ts --cluster-port 7002 --http-port 8002 --seeds 127.0.0.1:7001,127.0.0.1:7002
 *
 * It says on standard output what happens to it, as `node_lines.ts` has it, and logs to standard error.
 *
 * @module
 */
import { runNode } from "./node_program.ts";

await runNode(import.meta.url);
