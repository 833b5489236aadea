/** A list as lines of a text field, and back. */

export function toLines(list: readonly string[]): string {
  return list.join("\n");
}

/** Blank lines and blanks around are not part of it. */
export function fromLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** A whole number of a field; `null` if the field is empty. */
export function fromNumber(text: string): number | null {
  const trimmed = text.trim();
  return /^\d{1,10}$/.test(trimmed) ? Number(trimmed) : null;
}
