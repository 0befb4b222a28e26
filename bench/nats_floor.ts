/**
 * The contestant that is NATS alone: a program of its own, so that no other floor loads its client.
 *
 * @module
 */
import { takePart } from "./contestant.ts";
import { natsKv } from "./floors/nats_kv.ts";

await takePart(({ scenario }) => natsKv[scenario]);
