/** A recorded call as a command line that makes the same request. */
import type { Call } from "./facts";

/** What curl says itself. */
const OWN_HEADERS = new Set(["content-length", "connection"]);

export function toCurl(call: Call): string {
  const url = call.url.includes("://") ? call.url : `http://${call.url}`;
  const body =
    call.body ?? Array.from(atob(call.bodyBase64 ?? ""), (letter) => letter.charCodeAt(0));
  const headers = call.requestHeaders.filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
  return [
    "curl --http1.1 --globoff --path-as-is --include --request POST",
    `--url ${quote(url)}`,
    // Without this one, curl would say what kind of form it takes the body for.
    ...headers.map(([name, value]) => `--header ${quote(value === "" ? `${name};` : `${name}: ${value}`)}`),
    `--data-raw ${quote(body)}`,
  ].join(" \\\n  ");
}

/**
 * One word of a shell. Anything but plain text is written as bytes in `$'…'`: pasted into a terminal,
 * a control character would be a key that somebody pressed.
 */
export function quote(text: string | number[]): string {
  if (typeof text === "string" && /^[\x20-\x7e]*$/.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const bytes = typeof text === "string" ? [...new TextEncoder().encode(text)] : text;
  return `$'${bytes.map(escapeByte).join("")}'`;
}

function escapeByte(byte: number): string {
  const letter = String.fromCharCode(byte);
  if (letter === "'" || letter === "\\") return `\\${letter}`;
  if (byte >= 0x20 && byte < 0x7f) return letter;
  if (letter === "\n") return "\\n";
  // Octal: three digits always, so that a digit behind it stays itself.
  return `\\${byte.toString(8).padStart(3, "0")}`;
}
