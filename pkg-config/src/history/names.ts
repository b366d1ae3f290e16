// When two names mean the same artist, or the same song. Careful rather than clever: no match is better than a wrong one.

/** Letters whose plain form Unicode's decomposition does not give. */
const PLAIN: Readonly<Record<string, string>> = {
  ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", þ: "th", ł: "l", ħ: "h", ı: "i", ŋ: "n", ς: "σ",
};
const PLAIN_LETTERS = new RegExp(`[${Object.keys(PLAIN).join("")}]`, "g");
/** Accents of alphabets. Signs of other scripts, which make other letters, are left where they are. */
const ACCENTS = /[\u0300-\u036f]/g;
const APOSTROPHES = /['’‘`´ʼ′]/g;
const NO_LETTER = /[^\p{L}\p{M}\p{N}]+/gu;

/** The name as written, but for case, width and spaces. */
export function asWritten(name: string): string {
  return name.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();
}

/** Letters and digits only, with their accents: to tell whether two names differ in more than punctuation. */
export function spelled(name: string): string {
  const letters = name.normalize("NFKC").toLowerCase().replace(/&|\+/g, " and ").replace(APOSTROPHES, "").replace(NO_LETTER, " ").trim();
  return letters === "" ? asWritten(name) : letters;
}

/** Without case, accents and punctuation; `&` reads "and". A name of nothing but signs stays as written. */
export function folded(name: string): string {
  const letters = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(ACCENTS, "")
    .replace(PLAIN_LETTERS, (letter) => PLAIN[letter] ?? letter)
    .replace(/&|\+/g, " and ")
    .replace(APOSTROPHES, "")
    .replace(NO_LETTER, " ")
    .trim()
    .normalize("NFC");
  return letters === "" ? asWritten(name) : letters;
}

/** An artist's folded name without the leading or trailing "the". */
export function artistKey(name: string): string {
  const key = folded(name);
  return key.replace(/^the (?=.)/, "").replace(/(?<=.) the$/, (the) => (/,\s*the$/i.test(name.trim()) ? "" : the));
}

const FEATURING = /\s*[([]?\s*(?<![\p{L}\p{N}])(?:feat|ft|featuring)(?:\.|(?=\s))\s*.*$/iu;

/** The artist before "feat.". */
export function leadArtist(name: string): string {
  const lead = name.replace(FEATURING, "").trim();
  return lead === "" ? name : lead;
}

/** The artists of a name that lists several, or none where it lists one. `Simon & Garfunkel` lists two: hold these for guesses. */
export function listedArtists(name: string): string[] {
  const names = leadArtist(name).split(/\s*[,;/]\s*|\s+(?:&|\+|x|vs\.?|with|and)\s+/iu).filter((part) => part.trim() !== "");
  return names.length > 1 ? names : [];
}

/** What only says which recording it is. A remix, a cover or a part has another name for a reason and stays. */
const MARK = String.raw`(?:(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?re-?master(?:ed)?(?:\s+(?:version|\d{4}|in\s+\d{4}))*|(?:album|single|lp|ep|original|mono|stereo|explicit|clean)\s+version|radio\s+(?:edit|version)|single\s+edit|mono|stereo|bonus\s+track|deluxe(?:\s+edition)?|explicit|(?:\d{4}\s+)?live(?:\s+(?:at|in|from|on|version|session|acoustic|\d|@).*)?)`;
const BRACKETED = new RegExp(String.raw`\s*[([]\s*(?:${MARK}|(?:feat|ft|featuring)\b\.?.*|with\s+[^)\]]*)\s*[)\]]\s*$`, "iu");
const DASHED = new RegExp(String.raw`\s+[-–—]\s+(?:${MARK}|(?:feat|ft|featuring)\b\.?.*)\s*$`, "iu");
const LIVE = /[([]\s*(?:\d{4}\s+)?live\b|\s[-–—]\s(?:\d{4}\s+)?live\b/iu;

/** The title without what only says which recording it is: guests, remaster, live, mono, radio edit. */
export function plainTitle(title: string): string {
  let plain = title;
  // Each turn takes one mark off the end, so this ends.
  for (;;) {
    const shorter = plain.replace(BRACKETED, "").replace(DASHED, "").trim();
    if (shorter === plain.trim() || shorter === "") break;
    plain = shorter;
  }
  const alone = plain.replace(FEATURING, "").trim();
  return alone === "" ? plain : alone;
}

/** Whether a title says that it was recorded on a stage. */
export function isLive(title: string): boolean {
  return LIVE.test(title);
}
