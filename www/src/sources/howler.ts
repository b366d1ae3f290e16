// Plays an address through Howler, for players that have it already: its pool of unlocked elements, its codecs.
// A file of its own, loaded when it is chosen.

import { Howl } from "howler";
import type { Deck, DeckEvents } from "../deck/deck.js";

/** What is needed of {@link Output}: how loud it shall be. */
export interface Loudness {
  readonly volume: number;
}

/** Resolves once the song's length is known. Rejects where it cannot be loaded. */
export function openHowl(url: string, output: Loudness, events: DeckEvents): Promise<Deck> {
  return new Promise((resolve, reject) => {
    const howl = new Howl({
      src: [url],
      // An address of a server's says nothing about the codec by its ending; the element finds out by itself.
      format: ["wav", "mp3", "flac", "ogg", "opus", "m4a", "aac", "webm"],
      html5: true,
      preload: true,
      volume: loudnessOf(output),
      onload: () => resolve(deckOf(howl, output)),
      onloaderror: () => {
        howl.unload();
        reject(new Error(`The audio at ${new URL(url, location.href).host} did not load.`));
      },
      onplayerror: () => events.failed(new Error("The audio could not be played.")),
      onend: () => events.ended(),
    });
  });
}

function deckOf(howl: Howl, output: Loudness): Deck {
  let left = false;
  // Howler would empty its element with a data: address, which a strict policy forbids; no address at all does the same.
  (howl as unknown as { _clearSound(node: HTMLAudioElement): void })._clearSound = (node) => node.removeAttribute("src");
  return {
    durationMs: howl.duration() * 1000,
    outline: undefined,
    get position() {
      return left ? 0 : howl.seek() * 1000;
    },
    play: () =>
      new Promise((resolve) => {
        howl.volume(loudnessOf(output));
        if (howl.playing()) return resolve(true);
        // Howler waits for a gesture by itself; whether that worked, only these two tell.
        howl.once("play", () => resolve(true));
        howl.once("playerror", () => resolve(false));
        howl.play();
      }),
    pause: () => void howl.pause(),
    seek: (position) => void howl.seek(position / 1000),
    leave() {
      left = true;
      howl.off();
      howl.unload();
    },
  };
}

/** Ears hear ratios: half of the slider should sound half as loud. */
function loudnessOf({ volume }: Loudness): number {
  return volume ** 2;
}
