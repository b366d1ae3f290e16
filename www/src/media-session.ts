// The system's own player controls: lock screens, headphones, media keys.

import type { CoverOf } from "./art/cover.js";
import type { Player } from "./player.js";

/** Tells the system what is on, and takes its buttons. */
export function mediaSession(player: Player, coverOf: CoverOf): void {
  const session = navigator.mediaSession as MediaSession | undefined;
  if (!session) return;
  const on = (action: MediaSessionAction, handler: MediaSessionActionHandler) => {
    try {
      session.setActionHandler(action, handler);
    } catch {
      // An action that this browser does not know.
    }
  };
  on("play", () => void player.play());
  on("pause", () => player.pause());
  on("nexttrack", () => player.next());
  on("seekto", ({ seekTime }) => seekTime !== undefined && seekTime !== null && player.seek(seekTime * 1000));
  player.watch((changed) => {
    if (changed.has("now") && player.now) {
      const { title, artist, album } = player.now.song;
      session.metadata = new MediaMetadata({
        title, artist, album: album ?? "",
        artwork: [{ src: coverOf(player.now.song), sizes: "any", type: "image/svg+xml" }],
      });
    }
    if (changed.has("playing")) session.playbackState = player.playing ? "playing" : "paused";
    if (player.durationMs > 0) {
      session.setPositionState?.({ duration: player.durationMs / 1000, position: Math.min(player.position, player.durationMs) / 1000, playbackRate: 1 });
    }
  });
}
