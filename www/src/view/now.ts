// What is on: cover, title, progress, and the buttons under it.

import type { CoverOf } from "../art/cover.js";
import type { Player } from "../player.js";
import { part, say } from "./page.js";
import { byline, clock, language } from "./words.js";

const WAVE = { width: 352, height: 48 };

/** Shows what is on and takes the transport's clicks. */
export function nowView(player: Player, coverOf: CoverOf): void {
  const cover = part<HTMLImageElement>("cover");
  const play = part<HTMLButtonElement>("play");
  const like = part<HTMLButtonElement>("like");
  const undo = part<HTMLButtonElement>("undo");
  const seek = part<HTMLInputElement>("seek");
  const volume = part<HTMLInputElement>("volume");
  const wave = part<SVGSVGElement>("wave");
  const heard = wave.querySelector("rect");

  play.onclick = () => player.toggle();
  part("next").onclick = () => player.next();
  like.onclick = () => player.like();
  part("dislike").onclick = () => player.dislike();
  undo.onclick = () => player.undo();
  volume.oninput = () => {
    player.volume = Number(volume.value) / 100;
  };
  // A like that nothing remembers would be a promise broken.
  const showNoting = () => (like.disabled = player.engine.paused);
  player.engine.on("pause", showNoting);
  showNoting();
  let dragging = false;
  seek.oninput = () => {
    dragging = true;
    show((Number(seek.value) / 1000) * player.durationMs);
  };
  seek.onchange = () => {
    dragging = false;
    player.seek((Number(seek.value) / 1000) * player.durationMs);
  };

  player.watch((changed) => {
    if (changed.has("now")) showSong();
    if (changed.has("now") || changed.has("playing")) showPlaying();
    if (changed.has("volume")) volume.value = String(Math.round(player.volume * 100));
    if (changed.has("heard") || changed.has("now")) undo.disabled = player.heard.length === 0;
  });

  function showSong(): void {
    const { now } = player;
    if (!now) return;
    const { song } = now;
    const source = coverOf(song);
    if (cover.src !== source) cover.src = source;
    say(part("now-title"), song.title);
    const line = byline(song);
    say(part("now-artist"), line || "\u00a0");
    const meta = [song.album, song.genre, song.language && language(song.language)].filter((each) => each && each !== song.title && each !== line);
    say(part("now-meta"), meta.join(" · ") || "\u00a0");
    like.setAttribute("aria-pressed", String(now.liked));
    say(part("total"), clock(player.durationMs));
    drawWave(now.deck?.outline);
    show(player.position);
  }

  function showPlaying(): void {
    const { playing } = player;
    document.documentElement.dataset["playing"] = String(playing);
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.querySelector("use")?.setAttribute("href", playing ? "#i-pause" : "#i-play");
    document.title = player.now && playing ? `${player.now.song.title} · ${player.now.song.artist}` : "sotto voce";
    if (playing) requestAnimationFrame(follow);
  }

  function follow(): void {
    if (!player.playing) return;
    if (!dragging) show(player.position);
    requestAnimationFrame(follow);
  }

  function show(position: number): void {
    const share = player.durationMs > 0 ? Math.min(1, position / player.durationMs) : 0;
    if (!dragging) seek.value = String(Math.round(share * 1000));
    const text = clock(position);
    if (part("elapsed").textContent !== text) {
      say(part("elapsed"), text);
      seek.setAttribute("aria-valuetext", `${text} of ${clock(player.durationMs)}`);
    }
    heard?.setAttribute("width", String(share * WAVE.width));
  }

  function drawWave(outline: Float32Array | undefined): void {
    const levels = outline ?? new Float32Array(88).fill(0.12);
    const step = WAVE.width / levels.length;
    const middle = WAVE.height / 2;
    const line = Array.from(levels, (level, i) => {
      const half = Math.max(0.9, level ** 0.8 * (middle - 1));
      return `M${((i + 0.5) * step).toFixed(1)} ${(middle - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    }).join("");
    for (const path of wave.querySelectorAll("path")) path.setAttribute("d", line);
  }
}
