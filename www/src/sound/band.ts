// Asks the worker to play.

import type { Score } from "./score.js";
import type { Piece } from "./synth.js";

interface Waiting {
  resolve(piece: Piece): void;
  reject(error: Error): void;
}

/** Plays scores in a worker of its own. */
export class Band {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(address: string | URL) {
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.onmessage = ({ data: { id, piece } }: MessageEvent<{ id: number; piece: Piece }>) => {
      this.#waiting.get(id)?.resolve(piece);
      this.#waiting.delete(id);
    };
    this.#worker.onerror = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("The songs' sounds could not be made."));
      this.#waiting.clear();
    };
  }

  play(score: Score): Promise<Piece> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, score });
    });
  }
}
