// Formats values for display.

const TIME = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const NUMBER = new Intl.NumberFormat("en");

/** Returns `14:03:22` for today and `12 Nov 2025, 14:03:22` for another day, in the reader's time zone. */
export function formatTime(time: string, now = new Date()): string {
  const date = new Date(time);
  const formatted = TIME.format(date);
  return date.toDateString() === now.toDateString() ? formatted : `${DATE.format(date)}, ${formatted}`;
}

export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

export function formatCount(value: number, singular: string, plural = `${singular}s`): string {
  return `${formatNumber(value)} ${value === 1 ? singular : plural}`;
}

/** Returns `7 ms` or `1.35 s`. */
export function formatDuration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** Returns `title` in quotation marks, truncated to `max` characters. */
export function quote(title: string, max = 60): string {
  const characters = [...title];
  return `“${characters.length > max ? `${characters.slice(0, max - 1).join("")}…` : title}”`;
}
