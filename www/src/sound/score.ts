// Writes a short piece for a song. Pure: the same song is the same piece, and near songs are near pieces.

import { pick, seeded } from "../random.js";
import type { Traits } from "../traits.js";
import { kitOf, type Drum, type Voice } from "./kit.js";

export interface Note {
  readonly voice: Voice;
  /** Seconds from the start. */
  readonly at: number;
  readonly seconds: number;
  /** MIDI note number. */
  readonly pitch: number;
  /** 0 to 1. */
  readonly gain: number;
  /** −1 (left) to 1. */
  readonly pan: number;
}

export interface Hit {
  readonly drum: Drum;
  readonly at: number;
  readonly gain: number;
}

export interface Score {
  readonly tempo: number;
  /** Length with the last notes' ringing. */
  readonly seconds: number;
  /** Scale degrees in semitones above {@link Score.tonic}. */
  readonly scale: readonly number[];
  /** MIDI note number of the tonic, in the bass register. */
  readonly tonic: number;
  readonly notes: readonly Note[];
  readonly hits: readonly Hit[];
  /** Opening of the filters, 0 to 1. */
  readonly brightness: number;
  /** Share of reverb, 0 to 1. */
  readonly space: number;
}

const BARS = 8;
const TAIL = 1.6;

/** Church modes, dark to bright. */
const MODES: readonly [readonly number[], ...(readonly number[])[]] = [
  [0, 1, 3, 5, 7, 8, 10],
  [0, 2, 3, 5, 7, 8, 10],
  [0, 2, 3, 5, 7, 9, 10],
  [0, 2, 4, 5, 7, 9, 10],
  [0, 2, 4, 5, 7, 9, 11],
  [0, 2, 4, 6, 7, 9, 11],
];

/** Four chords each, as scale degrees, from resting to wandering. */
const PROGRESSIONS: readonly [readonly number[], ...(readonly number[])[]] = [
  [0, 3, 0, 4], [0, 3, 4, 3], [0, 5, 3, 4], [0, 4, 5, 3], [5, 3, 0, 4], [3, 0, 4, 5], [0, 2, 3, 4], [1, 4, 0, 5], [0, 6, 3, 4],
];

/** Rhythms of two bars in eighths: where the melody may sound, sparse to dense. */
const RHYTHMS = [
  "x.......x...x...", "x...x.....x.....", "x..x..x...x.x...", "x.x...x.x.x...x.", "x.xx..x.x.x.xx..", "x.xxx.x.xxx.x.xx",
] as const;

/** Writes the piece of a song. `song` seeds what traits leave open. */
export function compose(song: number, genre: string | undefined, traits: Traits): Score {
  const kit = kitOf(genre, song);
  const random = seeded(song + 1);
  const tempo = Math.min(126, Math.max(84, 88 + 30 * traits.tempo + kit.pace));
  const scale = pick(MODES, traits.mood);
  // Around the circle of fifths, so that near traits are near keys.
  const tonic = 36 + ((7 * Math.floor(traits.key * 12)) % 12);
  const progression = pick(PROGRESSIONS, traits.harmony);
  const beat = 60 / tempo;
  const eighth = beat / 2;
  const swing = 0.28 * traits.swing * eighth;
  const when = (eighths: number) => eighths * eighth + (eighths % 2 === 1 ? swing : 0);
  const pitch = (degree: number) => tonic + 12 * Math.floor(degree / 7) + (scale[((degree % 7) + 7) % 7] ?? 0);
  const chordOf = (bar: number) => (bar === BARS - 1 ? 0 : progression[bar % 4]) ?? 0;

  const notes: Note[] = [];
  const hits: Hit[] = [];

  for (let bar = 0; bar < BARS; bar++) {
    const start = bar * 8;
    const root = chordOf(bar);
    // Close voicing: keep the chord within an octave of the middle.
    const lift = root > 3 ? 7 : 14;
    const chord = [0, 2, 4, ...(traits.harmony > 0.5 ? [6] : [])].map((step) => root + lift + step);
    chord.forEach((degree, i) => {
      const pan = (i - 1) * 0.22;
      if (kit.comping === "held") {
        notes.push({ voice: kit.chords, at: when(start), seconds: 8 * eighth * 1.02, pitch: pitch(degree), gain: 0.2, pan });
      } else if (kit.comping === "broken") {
        for (const offset of [i, i + 4]) {
          notes.push({ voice: kit.chords, at: when(start + offset), seconds: 3 * eighth, pitch: pitch(degree), gain: offset === 0 ? 0.25 : 0.18, pan });
        }
      } else {
        for (const offset of traits.drive > 0.55 ? [1, 3, 5, 7] : [1, 4, 7]) {
          notes.push({ voice: kit.chords, at: when(start + offset), seconds: eighth * 1.1, pitch: pitch(degree), gain: 0.17, pan });
        }
      }
    });
    [...kit.bass].forEach((step, i) => {
      const degree = { "1": 0, "5": 4, "8": 7 }[step];
      if (degree === undefined || (bar === BARS - 1 && i > 0)) return;
      const held = bar === BARS - 1 ? 6 : 1.6;
      notes.push({ voice: "bass", at: when(start + i), seconds: eighth * held, pitch: pitch(root + degree), gain: i === 0 ? 0.5 : 0.36, pan: 0 });
    });
    if (bar === BARS - 1) break;
    for (const [drum, line] of Object.entries(kit.drums) as [Drum, string][]) {
      [...line].forEach((mark, i) => {
        const hard = Number(mark) / 9;
        // The band comes in one by one.
        const waits = bar < 1 || (bar < 2 && drum === "kick");
        if (!hard || waits) return;
        const late = i % 4 === 2 ? swing : 0;
        hits.push({ drum, at: (start / 2) * beat + i * (beat / 4) + late, gain: hard * (0.55 + 0.45 * traits.drive) * (0.9 + 0.2 * random()) });
      });
    }
  }
  notes.push(...melody());
  return {
    tempo, seconds: BARS * 4 * beat + TAIL, scale, tonic, notes, hits,
    brightness: traits.brightness, space: 0.14 + 0.3 * traits.space,
  };

  /** A two-bar idea, its answer, something else, and the idea again, coming home. */
  function melody(): Note[] {
    const centre = 21 + Math.round(6 * (traits.register - 0.5));
    const idea = phrase(pick(RHYTHMS, traits.density), centre);
    const other = phrase(pick(RHYTHMS, Math.min(1, traits.density + 0.2)), centre + 2);
    return [idea, vary(idea), other, vary(idea)].flatMap((steps, part) =>
      steps.map(({ eighths, degree, long }, i): Note => {
        const bar = part * 2 + Math.floor(eighths / 8);
        const strong = eighths % 4 === 0;
        const last = part === 3 && i === steps.length - 1;
        const fitted = last ? nearest(degree, [0, 7, 14, 21, 28]) : strong ? nearest(degree, chordTones(chordOf(bar))) : degree;
        return {
          voice: kit.lead,
          at: when(part * 16 + eighths),
          seconds: eighth * (last ? 6 : long),
          pitch: pitch(fitted),
          gain: (strong ? 0.42 : 0.32) * (0.92 + 0.16 * random()),
          pan: 0.12 * Math.sin(eighths),
        };
      }),
    );
  }

  function phrase(rhythm: string, centre: number): { eighths: number; degree: number; long: number }[] {
    const places = [...rhythm].flatMap((mark, i) => (mark === "x" ? [i] : []));
    let degree = centre + Math.round(random() * 4 - 2);
    let direction = random() < 0.5 ? -1 : 1;
    return places.map((eighths, i) => {
      const long = Math.min(4, (places[i + 1] ?? 16) - eighths) * 0.95;
      const here = { eighths, degree, long };
      // Mostly by step; a leap turns round afterwards, as voices do.
      const leap = random() < 0.22;
      degree += direction * (leap ? 3 : 1);
      if (leap || Math.abs(degree - centre) > 4 || random() < 0.25) direction = degree > centre ? -1 : 1;
      return here;
    });
  }

  function vary(steps: readonly { eighths: number; degree: number; long: number }[]) {
    return steps.map((step, i) => (i < steps.length - 2 ? step : { ...step, degree: step.degree + (random() < 0.5 ? 1 : -1) }));
  }

  function chordTones(root: number): number[] {
    return [0, 7, 14, 21, 28].flatMap((octave) => [root + octave, root + 2 + octave, root + 4 + octave]);
  }

  function nearest(degree: number, among: readonly number[]): number {
    return among.reduce((best, each) => (Math.abs(each - degree) < Math.abs(best - degree) ? each : best), among[0] ?? degree);
  }
}
