/**
 * Text of strangers (file names, keys, answers) as it can be shown: what would turn the reading
 * direction, hide itself or move the cursor is named instead.
 */

export interface Piece {
  text: string;
  /** The name of a character that is not shown as itself. */
  isNamed: boolean;
}

/** What a block of several lines may hold as it is. */
export type Lines = "one" | "several";

/*
 * Controls (C0, DEL, C1), soft hyphen, the marks and embeddings of bidirectional text, zero-width
 * and invisible characters, line and paragraph separators, fillers, lone surrogates, interlinear
 * and tag characters.
 */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]|\p{Surrogate}/u;

export function visible(text: string, lines: Lines = "one"): Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  for (const letter of text) {
    const mayStay = lines === "several" && (letter === "\n" || letter === "\t");
    if (mayStay || !HIDDEN.test(letter)) {
      plain += letter;
      continue;
    }
    if (plain !== "") pieces.push({ text: plain, isNamed: false });
    plain = "";
    pieces.push({ text: nameOf(letter), isNamed: true });
  }
  if (plain !== "") pieces.push({ text: plain, isNamed: false });
  return pieces;
}

/** The same as one text, for a label or a title. */
export function visibleText(text: string): string {
  return visible(text)
    .map((piece) => (piece.isNamed ? `⟨${piece.text}⟩` : piece.text))
    .join("");
}

const SHORT: Readonly<Record<string, string>> = {
  "\0": "NUL",
  "\b": "BS",
  "\t": "TAB",
  "\n": "LF",
  "\r": "CR",
  "\u001b": "ESC",
  "\ufeff": "BOM",
};

function nameOf(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  return SHORT[letter] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
