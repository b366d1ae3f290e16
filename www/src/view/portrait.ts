// How the listener listens: a radar to see it at a glance, and a line for each dimension.

import { polygon, traitsOf, type Told, type Trait } from "../portrait.js";
import { draw, make, part } from "./page.js";

const RADIUS = 84;
const STARS = 5;

/** Fewer corners make no shape. */
const CORNERS = 3;

/** Shows a portrait; hides it while nothing can be told. */
export function showPortrait(portrait: Told): void {
  const traits = traitsOf(portrait);
  part("portrait").hidden = traits.length === 0;
  part("portrait-hint").hidden = traits.length > 0;
  part("portrait-radar").toggleAttribute("hidden", traits.length < CORNERS);
  part("portrait-radar").replaceChildren(...radar(traits));
  part("portrait-list").replaceChildren(...traits.map(line));
}

function line({ name, stars, words }: Trait): HTMLElement {
  const dots = Array.from({ length: STARS }, (_, i) => make("i", { className: i < stars ? "star full" : "star" }));
  return make(
    "li",
    {},
    make("span", { className: "trait" }, name),
    make("span", { className: "stars", role: "img", "aria-label": `${stars} of ${STARS}` }, ...dots),
    make("span", { className: "small" }, words),
  );
}

/** The rings and the shape. The names stand in the list beside it, in the same order. */
function radar(traits: readonly Trait[]): SVGElement[] {
  const points = (radii: readonly number[]) => polygon(radii, RADIUS).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const all = traits.map(() => 1);
  const rings = Array.from({ length: STARS }, (_, i) => draw("polygon", { class: "ring", points: points(all.map((one) => (one * (i + 1)) / STARS)) }));
  const axes = polygon(all, RADIUS).map(([x, y]) => draw("line", { class: "ring", x1: 0, y1: 0, x2: x.toFixed(1), y2: y.toFixed(1) }));
  const names = polygon(traits.map(() => 1.16), RADIUS).map(([x, y], i) =>
    draw("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": Math.abs(x) < 8 ? "middle" : x > 0 ? "start" : "end", "dominant-baseline": y < -40 ? "auto" : y > 40 ? "hanging" : "middle" }, traits[i]!.name),
  );
  const reach = traits.map(({ stars }) => stars / STARS);
  const dots = polygon(reach, RADIUS).map(([x, y]) => draw("circle", { class: "corner", cx: x.toFixed(1), cy: y.toFixed(1), r: 3 }));
  return [...rings, ...axes, draw("polygon", { class: "shape", points: points(reach) }), ...dots, ...names];
}
