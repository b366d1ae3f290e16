// Draws a cover for a song: its genre chooses the form and the colour, its traits bend them. The same song, the same cover.

import type { Song } from "sottovoce";
import { hash, pick, seeded } from "../random.js";
import type { Traits } from "../traits.js";

/** What a cover is drawn from. */
export interface Sitter {
  readonly id: number;
  readonly genre: string | undefined;
  readonly traits: Traits;
}

/** Finds the cover of a song, large or as a thumbnail. */
export type CoverOf = (song: Song, small?: boolean) => string;

const SIZE = 400;

interface Palette {
  readonly ground: string;
  readonly deep: string;
  readonly line: string;
  readonly accent: string;
  readonly mid: string;
}

/** How fine lines are drawn: a thumbnail has fewer and stronger ones. */
interface Pen {
  readonly many: number;
  readonly strong: number;
}

const FINE: Pen = { many: 1, strong: 1 };
const BOLD: Pen = { many: 0.45, strong: 2.6 };

type Form = (traits: Traits, palette: Palette, random: () => number, pen: Pen) => string;

const FORMS: readonly [Form, ...Form[]] = [ripples, strata, petals, tide, grain, tiles];

/** A cover as the source of an image; `small` for thumbnails. */
export function coverUrl(sitter: Sitter, small = false): string {
  return `data:image/svg+xml,${encodeURIComponent(coverSvg(sitter, small))}`;
}

/** A cover as SVG. */
export function coverSvg({ id, genre, traits }: Sitter, small = false): string {
  const family = hash(genre ?? `song ${id}`);
  const random = seeded(hash(`cover ${id}`));
  const palette = paletteOf(family, traits, random);
  // A genre keeps to a form, and now and then borrows another.
  const form = FORMS[(family + (random() < 0.35 ? 1 + Math.floor(random() * 4) : 0)) % FORMS.length] ?? FORMS[0];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE} ${SIZE}">` +
    `<defs><linearGradient id="g" x1="0" y1="0" x2="${n(traits.swing)}" y2="1">` +
    `<stop offset="0" stop-color="${palette.ground}"/><stop offset="1" stop-color="${palette.deep}"/></linearGradient></defs>` +
    `<rect width="${SIZE}" height="${SIZE}" fill="url(#g)"/>${form(traits, palette, random, small ? BOLD : FINE)}</svg>`
  );
}

function paletteOf(family: number, traits: Traits, random: () => number): Palette {
  // Golden angle: genres far apart on the wheel however many there are.
  const hue = (family % 360) * 137.508 + (traits.mood - 0.5) * 80 + (traits.key - 0.5) * 60;
  const light = 0.34 + 0.26 * traits.mood + 0.08 * (random() - 0.5);
  const chroma = 0.055 + 0.055 * traits.drive;
  const other = hue + (random() < 0.5 ? 150 : 210) + 30 * (traits.key - 0.5);
  return {
    ground: ink(light + 0.08, chroma, hue),
    deep: ink(light - 0.1, chroma * 1.1, hue + 24),
    mid: ink(light + 0.2, chroma, hue - 12),
    line: ink(0.93, 0.035, hue + 50),
    accent: ink(0.78, 0.13, other),
  };
}

function ink(light: number, chroma: number, hue: number): string {
  return `oklch(${light.toFixed(3)} ${chroma.toFixed(3)} ${(((hue % 360) + 360) % 360).toFixed(0)})`;
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function path(points: readonly (readonly [number, number])[], closed: boolean): string {
  return `M${points.map(([x, y]) => `${n(x)} ${n(y)}`).join("L")}${closed ? "Z" : ""}`;
}

/** Rings on water, out of round. */
function ripples(t: Traits, { line, accent }: Palette, random: () => number, { many, strong }: Pen): string {
  const [x, y] = [120 + 160 * t.key, 120 + 160 * t.register];
  const waves = [2, 3, 5].map((k) => ({ k, height: (0.16 * random()) / Math.sqrt(k), phase: random() * 6.28 }));
  const count = Math.round((12 + 12 * t.density) * many);
  const chosen = Math.floor(count * (0.2 + 0.5 * random()));
  const width = (1 + 1.6 * t.drive) * strong;
  return Array.from({ length: count }, (_, i) => {
    const radius = 10 + (i / count) ** 1.15 * 330;
    const points = Array.from({ length: 90 }, (_, j) => {
      const angle = (j / 90) * 2 * Math.PI;
      const bent = radius * (1 + waves.reduce((sum, w) => sum + w.height * Math.cos(w.k * angle + w.phase + (i / many) * 0.06), 0));
      return [x + bent * Math.cos(angle), y + bent * Math.sin(angle)] as const;
    });
    return i === chosen
      ? `<path d="${path(points, true)}" fill="none" stroke="${accent}" stroke-width="${n(6 + width)}"/>`
      : `<path d="${path(points, true)}" fill="none" stroke="${line}" stroke-width="${n(width)}" opacity="${n(0.9 - (0.6 * i) / count)}"/>`;
  }).join("");
}

/** Ridges behind ridges. */
function strata(t: Traits, { line, deep, accent }: Palette, random: () => number, { many, strong }: Pen): string {
  const count = Math.round((14 + 10 * t.density) * many);
  const hills = Array.from({ length: 4 }, () => ({ x: 60 + 280 * random(), wide: 24 + 60 * t.space + 30 * random(), high: 26 + 70 * random() }));
  const chosen = Math.floor(count * (0.3 + 0.4 * t.register));
  return Array.from({ length: count }, (_, i) => {
    const base = 70 + (300 * i) / (count - 1);
    const points = Array.from({ length: 81 }, (_, j) => {
      const x = j * 5;
      const lift = hills.reduce((sum, hill, k) => {
        const drift = hill.x + 26 * Math.sin((i / many) * 0.5 + k * 2);
        return sum + hill.high * Math.exp(-(((x - drift) / hill.wide) ** 2)) * (0.55 + 0.45 * Math.sin((i / many) * 1.1 + k));
      }, 0);
      const calm = Math.exp(-(((x - 200) / 130) ** 4));
      return [x, base - calm * (lift + 5 * Math.sin(x * 0.11 + i * 2.4) * t.drive)] as const;
    });
    const shape = path([[0, SIZE + 9], ...points, [SIZE, SIZE + 9]], true);
    const colour = i === chosen ? accent : line;
    return `<path d="${shape}" fill="${deep}" stroke="${colour}" stroke-width="${n((i === chosen ? 4.5 : 1.2 + 0.9 * t.drive) * strong)}"/>`;
  }).join("");
}

/** A flower of overlapping turns. */
function petals(t: Traits, { line, mid, accent }: Palette, random: () => number, { many, strong }: Pen): string {
  const count = 5 + Math.round(9 * t.density * many);
  const turn = random() * 360;
  const [long, wide] = [110 + 60 * t.space, 26 + 44 * t.register];
  const leaf = `M0 0C${n(wide)} ${n(-long * 0.35)} ${n(wide)} ${n(-long * 0.8)} 0 ${n(-long)}C${n(-wide)} ${n(-long * 0.8)} ${n(-wide)} ${n(-long * 0.35)} 0 0Z`;
  const ring = (scale: number, colour: string, opacity: number, shift: number) =>
    Array.from({ length: count }, (_, i) => {
      const angle = turn + shift + (360 * i) / count;
      return `<path d="${leaf}" transform="rotate(${n(angle)}) scale(${scale})" fill="${colour}" fill-opacity="${opacity}" stroke="${line}" stroke-opacity=".75" stroke-width="${n((1.4 * strong) / scale)}"/>`;
    }).join("");
  return (
    `<g transform="translate(200 200)">${ring(1.55, mid, 0.22, 0)}${ring(1, mid, 0.4, 180 / count)}${ring(0.55, line, 0.25, 0)}` +
    `<circle r="${n(13 + 12 * t.brightness)}" fill="${accent}"/></g>`
  );
}

/** Waves under a low sun. */
function tide(t: Traits, { line, mid, deep, accent }: Palette, random: () => number, { strong }: Pen): string {
  const sun = `<circle cx="${n(110 + 180 * t.key)}" cy="${n(120 + 50 * t.register)}" r="${n(46 + 34 * t.brightness)}" fill="${accent}"/>`;
  const count = 5 + Math.round(3 * t.density);
  const waves = Array.from({ length: count }, (_, i) => {
    const base = 170 + (210 * i) / count;
    const [high, length, phase] = [10 + 20 * t.drive * random() + 6, 90 + 150 * t.space + 50 * random(), random() * 6.28];
    const points = Array.from({ length: 51 }, (_, j) => {
      const x = j * 8;
      return [x, base + high * Math.sin((x / length) * 2 * Math.PI + phase) + 0.4 * high * Math.sin((x / length) * 5 + phase * 2)] as const;
    });
    const shape = path([[0, SIZE + 9], ...points, [SIZE, SIZE + 9]], true);
    return `<path d="${shape}" fill="${i % 2 ? deep : mid}" fill-opacity="${n(0.55 + (0.4 * i) / count)}" stroke="${line}" stroke-width="${n(1.8 * strong)}" stroke-opacity=".8"/>`;
  });
  return sun + waves.join("");
}

/** Dots that swell with a field. */
function grain(t: Traits, { line, accent }: Palette, random: () => number, { many }: Pen): string {
  const cells = Math.round((11 + 8 * t.density) * (0.35 + 0.65 * many));
  const step = SIZE / cells;
  const [a, b, c] = [1 + 2.4 * t.harmony, 1 + 2.4 * t.space, random() * 6.28];
  const bright = { x: 80 + 240 * t.key, y: 80 + 240 * t.register };
  const dots: string[] = [];
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const [x, y] = [(column + 0.5) * step, (row + 0.5) * step];
      const field = Math.sin((x / SIZE) * 3.14 * a + c) * Math.cos((y / SIZE) * 3.14 * b - c) + 0.4 * Math.sin(((x + y) / SIZE) * 4);
      const radius = step * (0.1 + 0.36 * Math.max(0, Math.min(1, 0.5 + 0.55 * field)));
      const near = Math.hypot(x - bright.x, y - bright.y) < 52 + 20 * t.brightness;
      dots.push(`<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" fill="${near ? accent : line}"${near ? "" : ' opacity=".86"'}/>`);
    }
  }
  return dots.join("");
}

/** Quarter discs, laid like tiles. */
function tiles(t: Traits, { line, mid, deep, accent }: Palette, random: () => number): string {
  const cells = t.density > 0.6 ? 5 : t.density > 0.25 ? 4 : 3;
  const step = SIZE / cells;
  const special = Math.floor(random() * cells * cells);
  return Array.from({ length: cells * cells }, (_, i) => {
    const [x, y] = [(i % cells) * step, Math.floor(i / cells) * step];
    const colour = i === special ? accent : pick([line, mid, mid, deep], random());
    const turn = 90 * Math.floor(random() * 4);
    const kind = random();
    const half = step / 2;
    const shape =
      kind < 0.5 + 0.3 * t.swing
        ? `M${-half} ${-half}H${half}A${step} ${step} 0 0 1 ${-half} ${half}Z`
        : kind < 0.85
          ? `M${-half} ${-half}H${half}A${half} ${half} 0 0 1 ${-half} ${-half}Z`
          : `M${-half * 0.5} 0A${half * 0.5} ${half * 0.5} 0 1 0 ${half * 0.5} 0A${half * 0.5} ${half * 0.5} 0 1 0 ${-half * 0.5} 0Z`;
    return `<path d="${shape}" transform="translate(${n(x + half)} ${n(y + half)}) rotate(${turn})" fill="${colour}" fill-opacity="${i === special ? 1 : 0.85}"/>`;
  }).join("");
}
