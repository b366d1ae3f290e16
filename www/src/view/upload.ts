// What is about to leave, pictured: what was learnt, the same with noise, and the size of what is under masks.

import type { Upload } from "sottovoce";
import { columnsOf, reach, type Column } from "../upload.js";
import { draw, make, part, say } from "./page.js";
import { size } from "./words.js";

const COLUMNS = 100;
const WIDTH = 300;
const HEIGHT = 46;
/** So many columns are not seen, or all look like lines. */
const THIN = 0.7;

/** The upload that is drawn: it is drawn once, not at every step of the round. */
let shown: Upload | undefined;

/** Shows it; hides the place where nothing is about to leave. */
export function showUpload(upload: Upload | undefined): void {
  part("upload").hidden = !upload;
  part("upload-hint").hidden = !!upload;
  if (!upload || (shown && shown.round === upload.round && shown.bytes === upload.bytes)) return;
  shown = upload;
  const { clipped, noised, norm, clipNorm, sigma, bits, bytes, round } = upload;
  const rows = [columnsOf(clipped, COLUMNS), columnsOf(noised, COLUMNS)] as const;
  // One scale for both: where noise is larger than what was learnt, it shall look larger.
  const scale = reach(...rows) || 1;
  const numbers = clipped.length.toLocaleString("en");
  part("upload-rows").replaceChildren(
    row("what this device learnt", "stays here", bars("clipped", rows[0], scale, `${numbers} numbers, the largest ${figure(reach(rows[0]))}`)),
    row(sigma > 0 ? "with noise" : "no noise was asked for", sigma > 0 ? "leaves under masks only" : "the same numbers, in whole steps", bars("noised", rows[1], scale, `the largest ${figure(reach(rows[1]))}`)),
    row("under masks", `${size(bytes)} leave`, band(`${size(bytes)} in which every value is as likely as any other`)),
  );
  const noise = sigma > 0 ? `noise of ± ${figure(sigma)} on each` : "no noise";
  say(
    part("upload-text"),
    `Round ${round}: ${numbers} numbers, together ${figure(norm)} long, ${norm < clipNorm * 0.999 ? `under the bound of ${figure(clipNorm)}` : `cut to the bound of ${figure(clipNorm)}`}; ${noise}; ${bits} bits for each. ` +
      `Both drawings have one scale; a line spans ${Math.ceil(clipped.length / COLUMNS)} numbers. Under masks they cannot be drawn: whoever has not the masks of all others sees chance, and when all are added up the masks are gone, and so is every single update.`,
  );
}

function row(name: string, fate: string, picture: SVGElement): HTMLElement {
  return make("li", {}, make("span", { className: "upload-name" }, name), make("span", { className: "upload-fate" }, fate), picture);
}

function bars(kind: string, columns: readonly Column[], scale: number, label: string): SVGElement {
  const middle = HEIGHT / 2;
  const y = (value: number) => middle - (value / scale) * (middle - 1);
  const step = WIDTH / columns.length;
  const path = columns.map(({ low, high }, i) => {
    const [top, bottom] = [y(high), y(low)];
    const thin = Math.max(0, THIN - (bottom - top)) / 2;
    return `M${(step * (i + 0.5)).toFixed(1)} ${(top - thin).toFixed(2)}V${(bottom + thin).toFixed(2)}`;
  });
  return picture(label, draw("path", { class: "zero", d: `M0 ${middle}H${WIDTH}` }), draw("path", { class: kind, d: path.join(""), "stroke-width": (step * 0.62).toFixed(2) }));
}

/** No value is drawn: none is more likely than another, and a made-up one would be a lie. */
function band(label: string): SVGElement {
  return picture(label, draw("rect", { class: "masked", x: 0, y: 1, width: WIDTH, height: HEIGHT - 2, rx: 3 }));
}

function picture(label: string, ...parts: SVGElement[]): SVGElement {
  return draw("svg", { class: "upload-picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...parts);
}

/** Small numbers with two digits that count. */
function figure(value: number): string {
  return value === 0 ? "0" : Math.abs(value) >= 1000 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : Number(value.toPrecision(2)).toString();
}
