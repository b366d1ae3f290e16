// Plays a song from its address.

import type { Deck, DeckEvents } from "./deck.js";
import type { Output } from "./output.js";

/** Resolves once the song's length is known. Rejects where it cannot be loaded. */
export function openFile(url: string, output: Output, events: DeckEvents): Promise<Deck> {
  const audio = new Audio();
  audio.preload = "auto";
  output.rule(audio);
  return new Promise((resolve, reject) => {
    const fail = () => {
      output.release(audio);
      reject(new Error(`The audio at ${new URL(url, location.href).host} did not load.`));
    };
    audio.onerror = fail;
    audio.onloadedmetadata = () => {
      audio.onerror = () => events.failed(new Error("The connection to the audio was lost."));
      audio.onended = () => events.ended();
      resolve(deckOf(audio, output));
    };
    audio.src = url;
  });
}

function deckOf(audio: HTMLAudioElement, output: Output): Deck {
  return {
    durationMs: Number.isFinite(audio.duration) ? audio.duration * 1000 : 0,
    outline: undefined,
    get position() {
      return audio.currentTime * 1000;
    },
    play: () => audio.play().then(() => true, () => false),
    pause: () => audio.pause(),
    seek: (position) => {
      audio.currentTime = position / 1000;
    },
    leave: () => {
      audio.onended = audio.onerror = null;
      audio.pause();
      audio.removeAttribute("src");
      output.release(audio);
    },
  };
}
