// Lets list items glide to their new places (FLIP: first, last, invert, play).

const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const EASE = "cubic-bezier(.2,.75,.25,1)";

/** Rearranges `list` to hold exactly `items`, gliding those that stay and fading in those that are new. */
export function glide(list: HTMLElement, items: readonly HTMLElement[]): void {
  const first = new Map([...list.children].map((child) => [child, child.getBoundingClientRect().top]));
  const staying = new Set<Element>(items);
  for (const child of [...list.children]) if (!staying.has(child)) child.remove();
  // Only what is out of place is moved, so that focus stays where it is.
  let place = list.firstElementChild;
  for (const item of items) {
    if (item === place) place = place.nextElementSibling;
    else list.insertBefore(item, place);
  }
  if (CALM.matches || document.hidden) return;
  // All places are read before anything is animated: reading between would lay the page out anew for every item.
  const last = items.map((item) => item.getBoundingClientRect().top);
  items.forEach((item, i) => {
    const was = first.get(item);
    const timing = { delay: Math.min(i, 8) * 14, easing: EASE, fill: "backwards" } as const;
    if (was === undefined) {
      item.animate([{ opacity: 0, transform: "translateX(14px)" }, { opacity: 1, transform: "none" }], { duration: 420, ...timing });
      return;
    }
    const moved = was - (last[i] ?? was);
    if (Math.abs(moved) < 1) return;
    item.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 520, ...timing });
  });
}
