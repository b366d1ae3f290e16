// The way out to the loudspeaker. Opened by the first gesture, as browsers ask.

/** Volume and the one audio context of the page. */
export class Output {
  #context: AudioContext | undefined;
  #gain: GainNode | undefined;
  #volume = 0.8;
  readonly #elements = new Set<HTMLMediaElement>();

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    if (this.#context && this.#gain) this.#gain.gain.setTargetAtTime(loudness(this.#volume), this.#context.currentTime, 0.03);
    for (const element of this.#elements) element.volume = loudness(this.#volume);
  }

  /** Opens the way; `undefined` where the browser does not let sound out (no gesture yet, or no device). */
  async open(): Promise<{ context: AudioContext; to: AudioNode } | undefined> {
    try {
      this.#context ??= new AudioContext({ latencyHint: "playback" });
      const context = this.#context;
      this.#gain ??= new GainNode(context, { gain: loudness(this.#volume) });
      this.#gain.connect(context.destination);
      if (context.state !== "running") await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 700))]);
      return context.state === "running" ? { context, to: this.#gain } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Lets the volume rule an audio element too. */
  rule(element: HTMLMediaElement): void {
    element.volume = loudness(this.#volume);
    this.#elements.add(element);
  }

  release(element: HTMLMediaElement): void {
    this.#elements.delete(element);
  }
}

/** Ears hear ratios: half of the slider should sound half as loud. */
function loudness(volume: number): number {
  return volume ** 2;
}
