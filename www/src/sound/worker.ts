// Plays scores beside the page, so that the page never waits for music.

import type { Score } from "./score.js";
import { play } from "./synth.js";

addEventListener("message", ({ data: { id, score } }: MessageEvent<{ id: number; score: Score }>) => {
  const piece = play(score);
  postMessage({ id, piece }, { transfer: [piece.left.buffer, piece.right.buffer, piece.outline.buffer] });
});
