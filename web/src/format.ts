/** Sizes and times as people write them, in the page's language. */
import { type Language, LANGUAGE_TAGS } from "./messages";

const UNITS = ["B", "KB", "MB", "GB", "TB"] as const;

/** Powers of 1024, at most one decimal: `3.1 MB`. */
export function formatSize(bytes: number, language: Language): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  const number = new Intl.NumberFormat(LANGUAGE_TAGS[language], { maximumFractionDigits: digits });
  return `${number.format(value)} ${UNITS[unit]}`;
}

/** Date and time; a text that is no time is shown as it is. */
export function formatTime(timestamp: string, language: Language): string {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return timestamp;
  return new Intl.DateTimeFormat(LANGUAGE_TAGS[language], {
    dateStyle: "medium",
    timeStyle: "medium",
  }).format(date);
}

/** JSON indented; anything else as it came. */
export function formatAnswer(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
