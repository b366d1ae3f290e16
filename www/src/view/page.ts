// The page's parts by their ids, and new parts by their tags.

/** The element with this id; the page is wrong without it. */
export function part<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found as unknown as T;
}

type Children = readonly (Node | string | undefined)[];

/** A new element. Properties by their DOM names; `data-…` and `aria-…` as attributes. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Readonly<Record<string, string | number | boolean | ((event: Event) => void)>> = {},
  ...children: Children
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, String(value));
    else (element as unknown as Record<string, unknown>)[name] = value;
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** Sets a text only where it differs, so that nothing is announced twice. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Announces to those who cannot see the queue move. */
export function announce(text: string): void {
  say(part("announcer"), text);
}

const SVG = "http://www.w3.org/2000/svg";

/** A new element of a drawing, with its attributes. */
export function draw<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: Children
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** One of the page's icons. */
export function icon(name: string): SVGElement {
  return draw("svg", { "aria-hidden": "true" }, draw("use", { href: `#i-${name}` }));
}
