// The portrait in words that a listener uses.

import { DIMENSIONS, type Dimension } from "./engine-door.js";

/** A portrait, as far as it can be told: the package's, and what tests make up. */
export type Told = { readonly [dimension in Dimension]?: { readonly value: number; readonly stars: number } | undefined };

interface Wording {
  readonly name: string;
  /** What one star to five stars say. */
  readonly levels: readonly [string, string, string, string, string];
}

/** How each dimension is told. */
export const WORDING: Readonly<Record<Dimension, Wording>> = {
  explore: {
    name: "Explorer",
    levels: [
      "You return to songs you know.",
      "Mostly songs you know, now and then a first one.",
      "Known songs and first listens in turn.",
      "More first listens than returns.",
      "Almost everything you play, you play for the first time.",
    ],
  },
  diverse: {
    name: "Wide range",
    levels: ["One kind of music.", "A few kinds, close together.", "Several kinds of music.", "Many kinds, none far ahead.", "A bit of everything."],
  },
  newSong: {
    name: "New songs",
    levels: [
      "Songs that have been around for long.",
      "Rather older songs.",
      "Old songs and new ones alike.",
      "Rather new songs.",
      "You hear songs when they are new.",
    ],
  },
  niche: {
    name: "Off the charts",
    levels: [
      "What everyone plays.",
      "Mostly well-known songs.",
      "Some hits, some that few know.",
      "Mostly songs that few know.",
      "What hardly anyone plays.",
    ],
  },
  unique: {
    name: "Own taste",
    levels: [
      "Much like what most people hear.",
      "Close to what most people hear.",
      "Your own mix, with common ground.",
      "A mix that few others have.",
      "A mix that is nobody else's.",
    ],
  },
  focused: {
    name: "Focused",
    levels: [
      "What you hear lies far apart.",
      "What you hear has little in common.",
      "A few things in common, and room around them.",
      "What you hear lies close together.",
      "It is all of a piece.",
    ],
  },
};

/** One line of the portrait. */
export interface Trait {
  readonly dimension: Dimension;
  readonly name: string;
  /** 1 to 5. */
  readonly stars: number;
  /** 0 to 1. */
  readonly value: number;
  readonly words: string;
}

/** The portrait as lines, in the order in which the radar goes round; what cannot be told has none. */
export function traitsOf(portrait: Told): Trait[] {
  return DIMENSIONS.flatMap((dimension) => {
    const trait = portrait[dimension];
    if (!trait) return [];
    const stars = Math.min(5, Math.max(1, Math.round(trait.stars)));
    return [{ dimension, name: WORDING[dimension].name, stars, value: Math.min(1, Math.max(0, trait.value)), words: WORDING[dimension].levels[stars - 1]! }];
  });
}

/** Corners of a regular polygon whose `i`-th corner lies at `radii[i]` of `radius`, the first on top, clockwise. */
export function polygon(radii: readonly number[], radius: number): readonly (readonly [x: number, y: number])[] {
  return radii.map((share, i) => {
    const angle = (2 * Math.PI * i) / radii.length - Math.PI / 2;
    return [radius * share * Math.cos(angle), radius * share * Math.sin(angle)] as const;
  });
}
