// How things are written for people.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const NUMBER = new Intl.NumberFormat("en");

/** `14:03:22` of today, `12 Nov 2025, 14:03:22` of another day; in the reader's time zone. */
export function clock(time: string, now = new Date()): string {
  const date = new Date(time);
  const hours = CLOCK.format(date);
  return date.toDateString() === now.toDateString() ? hours : `${DAY.format(date)}, ${hours}`;
}

export function number(value: number): string {
  return NUMBER.format(value);
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** `7 ms`, `1.35 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** `title` in quotation marks, at most `max` characters of it. */
export function quoted(title: string, max = 60): string {
  const characters = [...title];
  return `“${characters.length > max ? `${characters.slice(0, max - 1).join("")}…` : title}”`;
}
