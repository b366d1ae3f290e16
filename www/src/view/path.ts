// How the session moved: one small curve a theme, above the line towards it, below the line away.

import type { Player } from "../player.js";
import { pathWords, type SessionPath, type Step } from "../session-path.js";
import { draw, make, part, say } from "./page.js";
import { ago } from "./words.js";

const STRANDS = 6;
const WIDTH = 300;
const HEIGHT = 34;
const MARKS: Readonly<Record<string, string>> = { skip: "skipped", complete: "heard out", like: "liked", dislike: "not for me", ignore: "passed over" };

/** Shows a path; hides it while there is too little of it. */
export function showPath(path: SessionPath, player: Player): void {
  const { steps } = path;
  const enough = steps.length >= 2;
  part("path").hidden = !enough;
  part("path-hint").hidden = enough;
  if (!enough) return;
  const strands = path.strands(STRANDS);
  say(part("path-words"), pathWords(strands));
  const largest = Math.max(0.3, ...strands.flatMap(({ values }) => values.map(Math.abs)));
  part("path-strands").replaceChildren(
    ...strands.map(({ name, values }) =>
      make("li", {}, make("span", { className: "strand" }, name), curve(values.map((value) => value / largest), `${name}: ${told(values)}`)),
    ),
    make("li", { className: "marks" }, make("span", { className: "strand small" }, "songs"), marks(steps, player)),
  );
}

function curve(values: readonly number[], label: string): SVGElement {
  const x = (i: number) => (WIDTH * (i + 0.5)) / values.length;
  const middle = HEIGHT / 2;
  const y = (value: number) => middle - value * (middle - 2);
  const line = values.map((value, i) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  const area = (sign: 1 | -1) => {
    const cut = values.map((value, i) => `${x(i).toFixed(1)} ${y(sign * Math.max(0, sign * value)).toFixed(1)}`).join("L");
    return `M${x(0).toFixed(1)} ${middle}L${cut}L${x(values.length - 1).toFixed(1)} ${middle}Z`;
  };
  return draw(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    draw("path", { class: "zero", d: `M0 ${middle}H${WIDTH}` }),
    draw("path", { class: "towards", d: area(1) }),
    draw("path", { class: "away", d: area(-1) }),
    draw("path", { class: "line", d: `M${line}` }),
  );
}

function marks(steps: readonly Step[], player: Player): HTMLElement {
  return make(
    "span",
    { className: "beads", "aria-hidden": "true" },
    ...steps.map(({ song, kind, at }) => make("i", { className: `bead ${kind}`, title: `${player.engine.songs.get(song)?.title ?? song}: ${MARKS[kind] ?? kind}, ${ago(at, Date.now())}` })),
  );
}

function told(values: readonly number[]): string {
  const [first, last] = [values[0] ?? 0, values.at(-1) ?? 0];
  const where = last > 0.15 ? "towards it" : last < -0.15 ? "away from it" : "neither towards it nor away";
  const change = last - first > 0.1 ? ", more than at first" : first - last > 0.1 ? ", less than at first" : "";
  return where + change;
}
