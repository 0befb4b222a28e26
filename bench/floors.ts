/**
 * The raw floors: what the runtime itself costs without any actor, so that a reader sees how much of a figure is
 * ours to lose. Contestants of the bench, see `contestant.ts`.
 *
 * @module
 */
import { takePart } from "./contestant.ts";
import { bareRing, bareRingReused } from "./floors/bare_ring.ts";
import { bareMap, bareQueue, directCall, promiseAsk } from "./floors/one_thread.ts";
import {
  postMessageAsk,
  postMessageBytes,
  postMessageBytesTransferred,
  postMessageTell,
} from "./floors/post_message.ts";
import { waitAsyncAsk } from "./floors/wait_async.ts";
import { webSocketBatches, webSocketEcho, webSocketEchoByThread, webSocketFrames } from "./floors/web_socket.ts";

const FLOORS = {
  "floor: direct call": directCall,
  "floor: bare queue": bareQueue,
  "floor: promise ask": promiseAsk,
  "floor: bare map": bareMap,
  "floor: postMessage": { ...postMessageTell, ...postMessageAsk, ...postMessageBytes },
  "floor: postMessage, transferred": postMessageBytesTransferred,
  "floor: waitAsync": waitAsyncAsk,
  "floor: bare ring": bareRing,
  "floor: bare ring, reused bytes": bareRingReused,
  "floor: ws, a message each": webSocketFrames,
  "floor: ws, batches": webSocketBatches,
  "floor: ws echo": webSocketEcho,
  "floor: ws echo, two hops": webSocketEchoByThread,
};

await takePart(({ contestant, scenario }) =>
  Object.entries(FLOORS).find(([name]) => name === contestant)?.[1][scenario]
);
