// Plays a score into a buffer, off the main thread.

import { seeded } from "../random.js";
import type { Drum, Voice } from "./kit.js";
import type { Hit, Note, Score } from "./score.js";

const RATE = 44100;
/** Loudest sample of every piece: songs are equally loud. */
const PEAK = 0.72;

/** Renders a score; a fraction of a second for a piece of twenty. */
export async function render(score: Score): Promise<AudioBuffer> {
  const context = new OfflineAudioContext(2, Math.ceil(score.seconds * RATE), RATE);
  const room = new Room(context, score);
  for (const note of score.notes) room.play(note);
  for (const hit of score.hits) room.strike(hit);
  const buffer = await context.startRendering();
  finish(buffer);
  return buffer;
}

/** How loud each of `count` stretches of the buffer is, 0 to 1. */
export function outline(buffer: AudioBuffer, count: number): Float32Array {
  const samples = buffer.getChannelData(0);
  const stretch = Math.floor(samples.length / count);
  const loud = Float32Array.from({ length: count }, (_, i) => {
    let sum = 0;
    // Every 8th sample tells enough.
    for (let j = i * stretch; j < (i + 1) * stretch; j += 8) sum += (samples[j] ?? 0) ** 2;
    return Math.sqrt(sum / (stretch / 8));
  });
  const most = Math.max(...loud) || 1;
  return loud.map((value) => value / most);
}

function finish(buffer: AudioBuffer): void {
  const channels = [buffer.getChannelData(0), buffer.getChannelData(1)];
  let loudest = 1e-6;
  for (const samples of channels) for (const sample of samples) loudest = Math.max(loudest, Math.abs(sample));
  const fade = Math.floor(0.35 * RATE);
  for (const samples of channels) {
    const end = samples.length;
    for (let i = 0; i < end; i++) samples[i] = (samples[i] ?? 0) * (PEAK / loudest) * Math.min(1, i / 200, (end - i) / fade);
  }
}

/** The players' room: instruments, a little echo, a limiter. */
class Room {
  readonly #context: OfflineAudioContext;
  readonly #dry: AudioNode;
  readonly #wet: AudioNode;
  readonly #open: number;
  readonly #noise: AudioBuffer;

  constructor(context: OfflineAudioContext, score: Score) {
    this.#context = context;
    this.#open = 900 * 5 ** score.brightness;
    const limiter = new DynamicsCompressorNode(context, { threshold: -14, ratio: 3, attack: 0.004, release: 0.18 });
    limiter.connect(context.destination);
    this.#dry = new GainNode(context, { gain: 1 });
    this.#dry.connect(limiter);
    const echo = new ConvolverNode(context, { buffer: echoOf(context, 1.2 + 1.6 * score.space) });
    this.#wet = new GainNode(context, { gain: score.space });
    this.#wet.connect(echo).connect(limiter);
    this.#noise = noiseOf(context);
  }

  play({ voice, at, seconds, pitch, gain, pan }: Note): void {
    const place = new StereoPannerNode(this.#context, { pan });
    place.connect(this.#dry);
    if (voice !== "bass") place.connect(this.#wet);
    VOICES[voice]({
      context: this.#context, out: place, at, seconds, gain, open: this.#open,
      hertz: 440 * 2 ** ((pitch - 69) / 12),
    });
  }

  strike({ drum, at, gain }: Hit): void {
    DRUMS[drum](this.#context, this.#dry, this.#noise, at, gain);
  }
}

interface Sound {
  readonly context: BaseAudioContext;
  readonly out: AudioNode;
  readonly at: number;
  readonly seconds: number;
  readonly gain: number;
  /** Where the low-pass stands open, in hertz. */
  readonly open: number;
  readonly hertz: number;
}

/** Struck or plucked: quick rise, long fall. Returns when it is silent. */
function struck(param: AudioParam, at: number, peak: number, fall: number, rise = 0.006): number {
  param.setValueAtTime(0.0001, at);
  param.exponentialRampToValueAtTime(Math.max(peak, 0.0002), at + rise);
  param.setTargetAtTime(0.0001, at + rise, fall / 3);
  return at + rise + fall * 2;
}

/** Blown or bowed: rise, hold, release. Returns when it is silent. */
function held(param: AudioParam, at: number, seconds: number, peak: number, rise: number, release: number): number {
  const rest = Math.max(at + rise, at + seconds);
  param.setValueAtTime(0, at);
  param.linearRampToValueAtTime(peak, at + rise);
  param.setValueAtTime(peak, rest);
  param.linearRampToValueAtTime(0, rest + release);
  return rest + release;
}

function tone(context: BaseAudioContext, type: OscillatorType, frequency: number, at: number, until: number, detune = 0): OscillatorNode {
  const oscillator = new OscillatorNode(context, { type, frequency, detune });
  oscillator.start(at);
  oscillator.stop(until);
  return oscillator;
}

/** One carrier bent by one modulator whose depth falls. */
function bent(sound: Sound, ratio: number, depth: number, depthFall: number, level: number, fall: number): void {
  const { context, out, at, hertz } = sound;
  const amp = new GainNode(context);
  const until = struck(amp.gain, at, level, fall);
  const carrier = tone(context, "sine", hertz, at, until);
  const bend = new GainNode(context);
  struck(bend.gain, at, hertz * depth, depthFall, 0.002);
  tone(context, "sine", hertz * ratio, at, until).connect(bend).connect(carrier.frequency);
  carrier.connect(amp).connect(out);
}

const VOICES: Record<Voice, (sound: Sound) => void> = {
  felt(sound) {
    const { context, out, at, gain, open, hertz } = sound;
    const amp = new GainNode(context);
    const until = struck(amp.gain, at, gain, 1.1, 0.012);
    const soft = new BiquadFilterNode(context, { type: "lowpass", frequency: Math.min(open, hertz * 5), Q: 0.3 });
    for (const [type, times, level] of [["triangle", 1, 0.7], ["sine", 2, 0.22], ["sine", 3.01, 0.07]] as const) {
      const part = new GainNode(context, { gain: level });
      tone(context, type, hertz * times, at, until).connect(part).connect(soft);
    }
    soft.connect(amp).connect(out);
  },
  tines(sound) {
    bent(sound, 1, 0.9 + sound.open / 4500, 0.5, sound.gain * 0.8, 1.3);
    bent({ ...sound, gain: sound.gain }, 14, 0.25, 0.06, sound.gain * 0.14, 0.25);
  },
  pluck({ context, out, at, gain, open, hertz }) {
    const amp = new GainNode(context);
    const until = struck(amp.gain, at, gain * 0.9, 0.55, 0.003);
    const string = new BiquadFilterNode(context, { type: "lowpass", Q: 1.2 });
    string.frequency.setValueAtTime(Math.min(9000, open * 1.6 + hertz), at);
    string.frequency.setTargetAtTime(hertz * 1.4, at, 0.09);
    tone(context, "sawtooth", hertz, at, until, -4).connect(string);
    tone(context, "triangle", hertz, at, until, 5).connect(string);
    string.connect(amp).connect(out);
  },
  bell(sound) {
    bent(sound, 3.5, 1.3, 0.7, sound.gain * 0.6, 1.9);
    bent(sound, 1, 0.2, 0.4, sound.gain * 0.35, 1.4);
  },
  reed({ context, out, at, seconds, gain, open, hertz }) {
    const amp = new GainNode(context);
    const until = held(amp.gain, at, seconds, gain * 0.42, 0.03, 0.12);
    const soft = new BiquadFilterNode(context, { type: "lowpass", frequency: open * 1.1, Q: 0.5 });
    for (const [times, level] of [[1, 0.6], [2, 0.3], [3, 0.16], [4, 0.1], [6, 0.04]] as const) {
      const pipe = new GainNode(context, { gain: level });
      tone(context, "sine", hertz * times, at, until, times).connect(pipe).connect(soft);
    }
    soft.connect(amp).connect(out);
  },
  glow({ context, out, at, seconds, gain, open, hertz }) {
    const amp = new GainNode(context);
    const until = held(amp.gain, at, seconds, gain * 0.3, 0.02, 0.16);
    const sweep = new BiquadFilterNode(context, { type: "lowpass", Q: 3 });
    sweep.frequency.setValueAtTime(open * 0.7, at);
    sweep.frequency.linearRampToValueAtTime(open * 1.5, at + 0.05);
    sweep.frequency.setTargetAtTime(open * 0.8, at + 0.05, 0.15);
    for (const detune of [-8, 7]) tone(context, "sawtooth", hertz, at, until, detune).connect(sweep);
    sweep.connect(amp).connect(out);
  },
  pad({ context, out, at, seconds, gain, open, hertz }) {
    const amp = new GainNode(context);
    const until = held(amp.gain, at, seconds, gain * 0.34, Math.min(0.5, seconds / 3), Math.min(0.7, seconds));
    const veil = new BiquadFilterNode(context, { type: "lowpass", frequency: 350 + open * 0.35, Q: 0.4 });
    for (const detune of [-11, 3, 12]) tone(context, "sawtooth", hertz, at, until, detune).connect(veil);
    veil.connect(amp).connect(out);
  },
  bass({ context, out, at, seconds, gain, hertz }) {
    const amp = new GainNode(context);
    const until = held(amp.gain, at, seconds, gain * 0.7, 0.012, 0.09);
    const round = new BiquadFilterNode(context, { type: "lowpass", frequency: 420, Q: 0.6 });
    tone(context, "triangle", hertz, at, until).connect(round);
    tone(context, "sine", hertz, at, until).connect(round);
    round.connect(amp).connect(out);
  },
};

type Strike = (context: BaseAudioContext, out: AudioNode, noise: AudioBuffer, at: number, gain: number) => void;

/** A burst of filtered noise. */
function hiss(type: BiquadFilterType, frequency: number, fall: number, level: number, q = 0.8): Strike {
  return (context, out, noise, at, gain) => {
    const amp = new GainNode(context);
    const until = struck(amp.gain, at, gain * level, fall, 0.002);
    const source = new AudioBufferSourceNode(context, { buffer: noise });
    source.start(at, (at * 7.3) % 0.5);
    source.stop(until);
    source.connect(new BiquadFilterNode(context, { type, frequency, Q: q })).connect(amp).connect(out);
  };
}

const DRUMS: Record<Drum, Strike> = {
  kick(context, out, _noise, at, gain) {
    const amp = new GainNode(context);
    const until = struck(amp.gain, at, gain * 0.9, 0.22, 0.003);
    const skin = tone(context, "sine", 110, at, until);
    skin.frequency.setValueAtTime(120, at);
    skin.frequency.exponentialRampToValueAtTime(46, at + 0.09);
    skin.connect(amp).connect(out);
  },
  brush: hiss("bandpass", 1900, 0.16, 0.5),
  hat: hiss("highpass", 7600, 0.045, 0.28),
  rim: hiss("bandpass", 2700, 0.03, 0.7, 4),
  shaker: hiss("bandpass", 5600, 0.06, 0.3, 1.4),
};

function noiseOf(context: BaseAudioContext): AudioBuffer {
  const random = seeded(3);
  const buffer = new AudioBuffer({ length: RATE, sampleRate: context.sampleRate });
  buffer.getChannelData(0).forEach((_, i, samples) => {
    samples[i] = random() * 2 - 1;
  });
  return buffer;
}

/** The answer of a small warm room: noise that dies away and grows duller on the way. */
function echoOf(context: BaseAudioContext, seconds: number): AudioBuffer {
  const length = Math.floor(seconds * RATE);
  const buffer = new AudioBuffer({ length, numberOfChannels: 2, sampleRate: context.sampleRate });
  for (const channel of [0, 1]) {
    const random = seeded(11 + channel);
    const samples = buffer.getChannelData(channel);
    let dull = 0;
    for (let i = 0; i < length; i++) {
      const share = i / length;
      dull += (0.75 - 0.6 * share) * (random() * 2 - 1 - dull);
      samples[i] = dull * (1 - share) ** 2.6;
    }
  }
  return buffer;
}
