/**
 * One life of one worker thread, seen from the main thread: from its start, through the word that it is ready, to its
 * end and the reason for it. Touches threads; lives on the main thread.
 *
 * The invariant: `ready` settles, at the latest when the time to start is over, and `exited` never rejects.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { ActorError, fromFailureData, toActorError } from "../core/failure.ts";
import { decodeWorkerWord, type WorkerPlace } from "./worker_main.ts";

/** A worker from its start to its end. */
export class WorkerLife {
  readonly worker: Worker;
  /** Resolves when it runs; rejects with `start-failed` when it ends, fails to boot or says nothing for too long. */
  readonly ready: Promise<void>;
  /** Resolves with why it ended. */
  readonly exited: Promise<string>;
  /** Whether it has ever been ready. */
  isReady = false;
  /** What failed while it closed. */
  failure: ActorError | undefined = undefined;

  #hasExited = false;
  #reason = "";

  /** Starts a thread. Throws `start-failed` when the platform does not. */
  constructor(entry: URL, place: WorkerPlace, heapMb: number, startTimeoutMs: number) {
    this.worker = startThread(entry, place, heapMb);
    this.exited = new Promise((resolve) => {
      this.worker.on("error", (error) => this.#reason = `${wordsOf(error)}${this.isReady ? "" : ABOVE_START}`);
      this.worker.on("exit", (code) => {
        this.#hasExited = true;
        const word = code === 0 && !this.isReady ? NEVER_STARTED : `exit code ${code}`;
        resolve(this.#reason === "" ? word : this.#reason);
      });
    });
    this.ready = this.#readiness(place.lanes.index, startTimeoutMs);
    this.ready.catch(() => {}); // The first lives are waited for; of a later one nobody may ask.
  }

  /** Whether it is ready, and still there. */
  get isRunning(): boolean {
    return this.isReady && !this.#hasExited;
  }

  async #readiness(thread: number, startTimeoutMs: number): Promise<void> {
    let late: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const refuse = (why: string, cause?: ActorError) => {
          if (this.#reason === "") this.#reason = why; // It will be ended, and this is why.
          reject(cannotStart(thread, why, cause));
        };
        late = setTimeout(
          () => refuse(`no answer in ${startTimeoutMs} ms; does its entry file reach ActorSystem.start?`),
          startTimeoutMs,
        );
        this.worker.on("message", (raw: unknown) => this.#hear(raw, resolve, refuse));
        this.exited.then((why) => refuse(why));
      });
    } finally {
      clearTimeout(late);
    }
  }

  #hear(raw: unknown, resolve: () => void, refuse: (why: string, cause: ActorError) => void): void {
    const word = decodeWorkerWord(raw);
    if (word === undefined) return; // The program's own messages from its worker: not ours to read.
    switch (word.word) {
      case "ready":
        this.isReady = true;
        return resolve();
      case "failed":
        return refuse(`it could not boot: ${word.failure.message}`, fromFailureData(word.failure));
      case "ended":
        this.failure = word.failure === undefined ? undefined : fromFailureData(word.failure);
        return;
      default:
        return word satisfies never;
    }
  }
}

/** What a worker did that ended in good order before it was one. */
const NEVER_STARTED =
  "its entry file ended without calling ActorSystem.start; entry is the file which, run by itself, gets that far";
/** Where an error comes from that nobody caught before a worker was ready: most often a port that is taken twice. */
const ABOVE_START = "; a worker runs its entry file too, with all that stands above ActorSystem.start";

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function startThread(entry: URL, place: WorkerPlace, heapMb: number): Worker {
  const { index } = place.lanes;
  try {
    return new Worker(entry, {
      argv: process.argv.slice(2), // so that a program reads its options the same way in every thread
      workerData: place,
      name: `${place.system}-${index}`,
      // A thread with a limit of its own ends alone when its memory is used up; without one it takes the process along.
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
  } catch (thrown) {
    const cause = toActorError(thrown);
    throw cannotStart(index, cause.message, cause);
  }
}

function cannotStart(thread: number, why: string, cause: ActorError | undefined): ActorError {
  return new ActorError("start-failed", `Cannot start worker ${thread}: ${why}`, { details: { thread }, cause });
}
