/**
 * Headers in the forms in which Node and the frameworks hand them over, without losing one that comes
 * twice: a receiver that reads the first of two is another than a proxy that reads the last.
 */
import { VerifyError } from "./verifyError.js";

/**
 * Headers of a request.
 *
 * Best is Node's `rawHeaders` (`[name, value, name, value, …]`), or pairs: there nothing is lost.
 * `Headers` and Node's `headers` have joined what came twice with commas, which is noticed; but Node's
 * `headers` keeps the first of two `authorization` and drops the other, which nobody can notice.
 */
export type CallbackHeaders =
  | readonly string[]
  | Iterable<readonly [string, string]>
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The one value of a header, or `undefined` if there is none. */
export type HeaderReader = (name: string) => string | undefined;

/** @throws {TypeError} if `headers` is in none of the forms. */
export function headerReader(headers: CallbackHeaders): HeaderReader {
  const values = valuesByName(headers);
  const folded = new Map<string, string[]>();
  for (const [name, more] of values) {
    if (!name.includes("_")) continue;
    const key = name.replaceAll("_", "-");
    folded.set(key, [...(folded.get(key) ?? []), ...more]);
  }
  return (name) => {
    const found = values.get(name);
    // CGI and what descends from it read `_` as `-`: a header spelled so is another one, but beside the
    // right one it makes two.
    const [, ...others] = [...(found ?? []), ...(folded.get(name) ?? [])];
    if (others.length > 0) {
      throw new VerifyError("header-twice", `the header \`${name}\` comes twice`);
    }
    return found?.[0];
  };
}

function valuesByName(headers: CallbackHeaders): Map<string, string[]> {
  const values = new Map<string, string[]>();
  const add = (name: string, more: readonly string[]): void => {
    const key = name.toLowerCase();
    values.set(key, [...(values.get(key) ?? []), ...more]);
  };
  if (typeof headers !== "object" || headers === null) throw new TypeError(FORMS);
  if (isFlat(headers)) {
    if (headers.length % 2 !== 0) throw new TypeError(FORMS);
    for (let at = 0; at < headers.length; at += 2) add(headers[at] ?? "", [headers[at + 1] ?? ""]);
  } else if (
    headers instanceof Headers ||
    ("get" in headers && typeof headers.get === "function")
  ) {
    for (const [name, value] of headers as Headers) add(name, parted(name, value));
  } else if (Symbol.iterator in headers) {
    for (const [name, value] of headers as Iterable<readonly [string, string]>) add(name, [value]);
  } else {
    for (const [name, value] of Object.entries(
      headers as Record<string, string | readonly string[] | undefined>,
    )) {
      if (value !== undefined) add(name, typeof value === "string" ? parted(name, value) : value);
    }
  }
  return values;
}

function isFlat(headers: object): headers is readonly string[] {
  return Array.isArray(headers) && headers.every((item) => typeof item === "string");
}

/**
 * What was joined with commas, apart again. Of the headers that are read here none has a comma in a
 * genuine value: they are base64, or `1.0`. Dates and lists have.
 */
function parted(name: string, value: string): string[] {
  return COMMALESS.has(name.toLowerCase()) ? value.split(/ *, */) : [value];
}

const COMMALESS = new Set([
  "authorization",
  "content-md5",
  "x-oss-pub-key-url",
  "x-oss-signature-version",
]);

const FORMS = "headers are `rawHeaders`, pairs, a `Headers` or an object";
