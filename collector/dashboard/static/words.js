// Formats numbers and times, always in the time zone of the site, which is named.

// The meaning of hatching, the same on every page.
export const NOBODY = "nobody watched";
export const HATCHED = `Hatched: ${NOBODY}, in proportion to the time.`;

// Makes a text safe to show: invisible characters and those that change the direction of writing are spelt out.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
export const printable = (text) => String(text).replace(UNSEEN, (c) => (c === "\n" ? c : `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`));

const counts = new Intl.NumberFormat("en-GB");
const decimals = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
export const count = (n) => counts.format(n);
export const decimal = (x) => decimals.format(x);
export const signed = (n) => (n > 0 ? `+${counts.format(n)}` : n < 0 ? `−${counts.format(-n)}` : "0");
export function percent(share) {
  if (share > 0.99 && share < 1) return "99 %"; // all is said of all only
  if (share > 0 && share < 0.01) return "1 %";
  return `${Math.round(100 * share)} %`;
}

const formats = new Map();
function format(zone, key, options) {
  const name = `${zone} ${key}`;
  if (!formats.has(name)) formats.set(name, new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options }));
  return formats.get(name);
}
export const timeOf = (ms, zone) => format(zone, "time", { hour: "2-digit", minute: "2-digit" }).format(ms);
export const dayOf = (ms, zone) => format(zone, "day", { weekday: "short", day: "numeric", month: "short" }).format(ms).replace(",", "");
const monthOf = (ms, zone) => format(zone, "month", { month: "short", year: "numeric" }).format(ms);
// With the year, if it is not the current one.
const datedOf = (ms, zone) => (yearOf(ms, zone) === yearOf(Date.now(), zone) ? dayOf(ms, zone) : `${dayOf(ms, zone)} ${yearOf(ms, zone)}`);
function yearOf(ms, zone) {
  const year = new Date(ms).getUTCFullYear();
  const isNearNewYear = ms - Date.UTC(year, 0) < 86_400_000 || Date.UTC(year + 1, 0) - ms < 86_400_000;
  return isNearNewYear ? Number(partsOf(ms, zone).year) : year;
}
export const whenOf = (ms, zone) => `${datedOf(ms, zone)} ${timeOf(ms, zone)}`;
// The date, or that of so many days earlier by the calendar, since days may have 23 hours.
export function isoDay(ms, zone, before = 0) {
  const { year, month, day } = partsOf(ms, zone);
  return new Date(Date.UTC(year, month - 1, day - before)).toISOString().slice(0, 10);
}
function partsOf(ms, zone) {
  const parts = format(zone, "parts", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", weekday: "short",
  }).formatToParts(ms);
  return Object.fromEntries(parts.map((part) => [part.type, part.value]));
}
export function zoneOf(ms, zone) {
  const part = format(zone, "offset", { timeZoneName: "shortOffset" }).formatToParts(ms).find((one) => one.type === "timeZoneName");
  const offset = part.value.replace("GMT", "UTC");
  return zone === "UTC" ? "UTC" : `${zone} (${offset})`;
}

// The name of an interval of an axis.
export function intervalOf(from, to, zone, interval) {
  if (interval === "year") return partsOf(from, zone).year;
  if (interval === "month") return monthOf(from, zone);
  if (interval === "week") return `week of ${datedOf(from, zone)}`;
  if (interval === "day") return datedOf(from, zone);
  if (to - from > 36 * 3_600_000) return `${whenOf(from, zone)} to ${whenOf(to, zone)}`;
  return `${whenOf(from, zone)}–${timeOf(to, zone)}`;
}

export function span(ms) {
  if (ms === null || ms === undefined || ms < 0) return "–"; // below zero it is not late: its clock is ahead
  /** @type {[number, string][]} */
  const units = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"]];
  for (const [unit, name] of units) if (ms >= 2 * unit) return `${Math.round(ms / unit)} ${name}`;
  return `${Math.round(ms / 1000)} s`;
}
export const ago = (ms, now) => (ms === null ? "never" : `${span(Math.max(0, now - ms))} ago`);
export const titled = (name) => name.replaceAll("-", " ").replace(/^./, (c) => c.toUpperCase());

// Where to put ticks: round times of the site's calendar, at most about so many.
const HOUR = 3_600_000;
export function ticksOf(from, to, zone, most) {
  const hours = [1, 2, 3, 6, 12].find((step) => (to - from) / HOUR / step <= most);
  const values = [], texts = [];
  const put = (ms, text) => { values.push(ms); texts.push(text); };
  if (to - from < 3 * HOUR) {
    const step = ([5, 10, 15, 30].find((minutes) => (to - from) / 60_000 / minutes <= most) ?? 60) * 60_000;
    for (let ms = Math.ceil(from / step) * step; ms <= to; ms += step) put(ms, timeOf(ms, zone));
    return { values, texts };
  }
  if (hours !== undefined) {
    for (let ms = Math.ceil(from / (HOUR / 4)) * (HOUR / 4); ms <= to; ms += HOUR / 4) {
      const { hour, minute } = partsOf(ms, zone);
      if (minute === "00" && Number(hour) % hours === 0) put(ms, hour === "00" ? dayOf(ms, zone) : `${hour}:00`);
    }
    return { values, texts };
  }
  const days = [];
  for (let ms = from; ms < to + 24 * HOUR; ms += 24 * HOUR) {
    const parts = partsOf(ms, zone);
    const start = startOfDay(ms, zone, parts);
    if (start >= from && start <= to && days.at(-1)?.start !== start) days.push({ start, parts });
  }
  const step = [1, 2, 7, 14].find((n) => days.length / n <= most);
  if (step !== undefined) {
    const kept = step < 7
      ? days.filter((_, i) => i % step === 0)
      : days.filter(({ parts }) => parts.weekday === "Mon").filter((_, i) => i % (step / 7) === 0);
    for (const { start } of kept) put(start, dayOf(start, zone));
    return { values, texts };
  }
  const months = days.filter(({ parts }) => parts.day === "01");
  const every = [1, 2, 3, 6, 12].find((n) => months.length / n <= most) ?? 12;
  for (const { start, parts } of months) if ((Number(parts.month) - 1) % every === 0) put(start, monthOf(start, zone));
  return { values, texts };
}
function startOfDay(ms, zone, parts) {
  let start = ms - (Number(parts.hour) * 60 + Number(parts.minute)) * 60_000;
  start -= start % 60_000;
  const { hour, minute } = partsOf(start, zone); // across a change of the clocks it is an hour off
  if (hour === "23") start += 60_000 * (60 - Number(minute));
  else if (hour !== "00") start -= 60_000 * (Number(hour) * 60 + Number(minute));
  return start;
}
