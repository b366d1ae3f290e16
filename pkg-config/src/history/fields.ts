// Reading fields of foreign records, which may hold anything.

/** A record of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** Longest name of an artist or song that is believed; beyond it, a record is noise. */
const LONGEST = 1000;

/** An object with fields, and neither a list nor null. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field as a text that says something. */
export function text(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > LONGEST) return undefined;
  const trimmed = value.replace(/\s+/g, " ").trim();
  return trimmed === "" ? undefined : trimmed;
}

/** A field as a number that is no less than zero; digits in quotes count. */
export function amount(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** When music can have been heard: from the first scrobblers to somewhat after now, as clocks go wrong. */
const EARLIEST = Date.UTC(1999, 0);
const LATEST = Date.UTC(2100, 0);

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)? ?(?:Z|UTC|\+00:?00)?$/;
const SPOKEN = /^(\d{1,2}) ([A-Za-z]{3})[a-z]* (\d{4}),? (\d\d):(\d\d)(?::(\d\d))?$/;

/**
 * A time in milliseconds since the epoch, from the forms that exports use, all in UTC: `2023-01-05T10:11:12Z`, `2023-01-05 10:11`,
 * `05 Jan 2023 10:11`, `05 Jan 2023, 10:11`, and seconds or milliseconds since the epoch.
 */
export function time(value: unknown): number | undefined {
  const stamp = amount(value);
  if (stamp !== undefined) return within(stamp < 1e11 ? stamp * 1000 : stamp);
  if (typeof value !== "string") return undefined;
  const iso = ISO.exec(value.trim());
  if (iso) return within(utc(iso[1], Number(iso[2]) - 1, iso[3], iso[4], iso[5], iso[6]));
  const spoken = SPOKEN.exec(value.trim());
  const month = MONTHS.indexOf(spoken?.[2]?.toLowerCase() ?? "");
  return spoken && month >= 0 ? within(utc(spoken[3], month, spoken[1], spoken[4], spoken[5], spoken[6])) : undefined;
}

function utc(year: string | undefined, month: number, ...rest: (string | undefined)[]): number {
  const [day = 1, hour = 0, minute = 0, second = 0] = rest.map((part) => Number(part ?? 0));
  const sound = month < 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second <= 60;
  return sound ? Date.UTC(Number(year), month, day, hour, minute, second) : NaN;
}

function within(ms: number): number | undefined {
  return ms >= EARLIEST && ms < LATEST ? ms : undefined;
}
