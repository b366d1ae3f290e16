// Which instruments a genre is played on, and how they keep time.

import { hash } from "../random.js";

export type Voice = "felt" | "tines" | "pluck" | "bell" | "reed" | "glow" | "pad" | "bass";
export type Drum = "kick" | "brush" | "hat" | "rim" | "shaker";

/** A small band. Drum lines are sixteenths of one bar: `.` silent, `1` to `9` how hard. */
export interface Kit {
  readonly lead: Voice;
  readonly chords: Voice;
  /** How chords are laid out: held, broken upwards, or struck off the beat. */
  readonly comping: "held" | "broken" | "offbeat";
  /** Bass: eighths of one bar, as steps of the chord (`1` root, `5` fifth, `8` octave, `.` silent). */
  readonly bass: string;
  readonly drums: Partial<Record<Drum, string>>;
  /** Added to the tempo, in beats a minute. */
  readonly pace: number;
}

const KITS = {
  parlour: {
    lead: "felt", chords: "felt", comping: "broken", bass: "1...5...", pace: -4,
    drums: { brush: "....2.......2.1.", shaker: "1.1.1.1.1.1.1.1." },
  },
  porch: {
    lead: "pluck", chords: "pluck", comping: "broken", bass: "1..5.1.5", pace: 4,
    drums: { kick: "3.......3.......", shaker: "2.1.2.1.2.1.2.1.", rim: "....3.......3..." },
  },
  lounge: {
    lead: "tines", chords: "tines", comping: "offbeat", bass: "1..1.5.8", pace: -2,
    drums: { kick: "4.....3.4.......", brush: "....4.......4..2", hat: "2.2.2.2.2.2.2.2." },
  },
  chapel: {
    lead: "bell", chords: "pad", comping: "held", bass: "1.......", pace: -8,
    drums: { shaker: "1...1...1...1...", rim: "........1......." },
  },
  cellar: {
    lead: "glow", chords: "pad", comping: "offbeat", bass: "1.11.158", pace: 12,
    drums: { kick: "5...5...5...5...", hat: "..3...3...3...3.", brush: "....2.......2..." },
  },
  hall: {
    lead: "reed", chords: "reed", comping: "held", bass: "1.5.8.5.", pace: 2,
    drums: { kick: "4.......4.4.....", brush: "....4.......4...", hat: "2.1.2.1.2.1.2.1." },
  },
} as const satisfies Record<string, Kit>;

/** Words that say on which kit a genre is at home. Anything else is dealt by its name, always the same. */
const AT_HOME: readonly [RegExp, keyof typeof KITS][] = [
  [/house|techno|trance|electr|dance|disco|synth|edm|industrial|drum and bass/i, "cellar"],
  [/jazz|soul|funk|r ?& ?b|rnb|hip.?hop|rap|lo-?fi|trip/i, "lounge"],
  [/folk|country|acoustic|bluegrass|americana|singer|latin|flamenco/i, "porch"],
  [/ambient|drone|new age|post-?rock|choral|sacred|shoegaze/i, "chapel"],
  [/rock|metal|punk|grunge|indie|alternative|pop|ska|reggae/i, "hall"],
  [/classic|piano|instrumental|chamber|soundtrack|score/i, "parlour"],
];

/** The kit of a genre; of the song's own number where no genre is known. */
export function kitOf(genre: string | undefined, song: number): Kit {
  const known = genre && AT_HOME.find(([words]) => words.test(genre));
  if (known) return KITS[known[1]];
  const names = Object.keys(KITS) as (keyof typeof KITS)[];
  return KITS[names[hash(genre ?? `song ${song}`) % names.length] ?? "parlour"];
}
