/**
 * Where the public key of a callback's sender may come from.
 *
 * Whoever sends the callback names the address, and whoever controls the address decides which
 * signatures are good. So the address is compared with a list, as text, before it is used for
 * anything; an address in which two readers could see two hosts does not get that far.
 *
 * Source: OSS, "Callback" (step 4: `x-oss-pub-key-url`).
 */

/** The addresses from which public keys are taken. Immutable. */
export class PublicKeyUrls {
  readonly #entries: readonly string[];

  private constructor(entries: readonly string[]) {
    this.#entries = entries;
  }

  /**
   * OSS's own: `https://gosspublic.alicdn.com/`. Not by http: who is on the way could put a key there,
   * and OSS's own has 512 bits only.
   */
  static oss(): PublicKeyUrls {
    return new PublicKeyUrls([OSS]);
  }

  /** None yet, for a receiver that serves its own storage server only. */
  static none(): PublicKeyUrls {
    return new PublicKeyUrls([]);
  }

  /**
   * Those of a setting such as `CALLBACK_KEY_URLS`, separated by spaces or commas, and no others; `oss`
   * among them stands for {@link oss}. Without a setting OSS's own.
   *
   * @throws {TypeError} as {@link and} does.
   */
  static parse(setting: string | undefined): PublicKeyUrls {
    const entries = (setting ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
    if (entries.length === 0) return PublicKeyUrls.oss();
    const urls = entries.map((entry) => (entry === "oss" ? OSS : entry));
    return urls.reduce((listed, entry) => listed.and(entry), PublicKeyUrls.none());
  }

  /**
   * One more: the whole address of a key; or with a final `/` all that begin with it; or with one `*`
   * after its last `/` all that have letters, digits and `-` in that place.
   *
   * A server whose keys are rotated has them at `…/callback_pub_key_*.pem`. Do not list all of its
   * addresses with `/`: objects are there, too, and whoever may upload could put a key among them.
   *
   * @throws {TypeError} if it is not `http(s)://host[:port]/…` in plain characters.
   */
  and(urlOrPattern: string): PublicKeyUrls {
    const [before, after] = split(urlOrPattern);
    const example = after === undefined ? before : `${before}x${after}`;
    if (!isPlain(example) || after?.includes("/")) {
      throw new TypeError(
        "an entry for keys is `http(s)://host[:port]/path` in plain letters, with a final `/` or one `*` after the last `/` if need be",
      );
    }
    return new PublicKeyUrls([...this.#entries, urlOrPattern]);
  }

  /** Whether keys may be fetched from this address. */
  admits(url: string): boolean {
    return isPlain(url) && this.#entries.some((entry) => matches(entry, url));
  }
}

/**
 * The smallest key that is taken from an address: 512 bits from OSS's two well-known ones, as the key
 * there has no more; 1,024 from any other.
 */
export function leastBits(url: string): number {
  return OSS_KEYS.has(url) ? 512 : 1024;
}

function matches(entry: string, url: string): boolean {
  const [before, after] = split(entry);
  if (after !== undefined) {
    const isLong = url.length > before.length + after.length;
    const between = url.slice(before.length, url.length - after.length);
    return (
      isLong && url.startsWith(before) && url.endsWith(after) && /^[A-Za-z0-9-]+$/.test(between)
    );
  }
  return entry.endsWith("/") ? url.length > entry.length && url.startsWith(entry) : url === entry;
}

/** What stands before and after the first `*`. */
function split(entry: string): [string, string | undefined] {
  const at = entry.indexOf("*");
  return at < 0 ? [entry, undefined] : [entry.slice(0, at), entry.slice(at + 1)];
}

/**
 * `http(s)://authority/path` in letters, digits and `:/._~-[]`: no user-info, no backslash, no percent
 * sign, no query or fragment, nothing invisible, and no path that means another.
 */
function isPlain(url: string): boolean {
  if (url.length > MAX_LENGTH) return false;
  const path = /^https?:\/\/[A-Za-z0-9:._~\-[\]]+\/([A-Za-z0-9:/._~\-[\]]*)$/.exec(url)?.[1];
  // JavaScript's `$` without the flag `m` is the very end: a final line feed is no exception.
  if (path === undefined) return false;
  const segments = path.split("/");
  const file = segments.pop() ?? "";
  const isFolder = (segment: string): boolean =>
    segment !== "" && segment !== "." && segment !== "..";
  return segments.every(isFolder) && (file === "" || isFolder(file));
}

/** With the final slash, without which `gosspublic.alicdn.com.evil.example` would pass. */
const OSS = "https://gosspublic.alicdn.com/";

const OSS_KEYS = new Set([
  `${OSS}callback_pub_key_v1.pem`,
  "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
]);

/** OSS's own address has 53 characters. */
const MAX_LENGTH = 1024;
