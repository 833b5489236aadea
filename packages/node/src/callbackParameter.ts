/**
 * What an upload asks of its callback: where to call, and what to say.
 *
 * Judged here is what an application server gets wrong and the storage server would refuse upload
 * after upload. Hosts are resolved and judged by the storage server alone.
 *
 * Source: OSS, "Callback" (step 1).
 */

/** What a callback's body is, which says how values are written in it. */
export type CallbackBodyType = "application/x-www-form-urlencoded" | "application/json";

/** The members of a callback parameter. */
export interface CallbackParameterOptions {
  /** The address to call, or up to five, each tried when those before it failed. */
  readonly url: string | readonly string[];
  /** The template of the body, such as `object=${object}&size=${size}`. In JSON, without quotes. */
  readonly body: string;
  /** What the body is; a form, if nothing is said. */
  readonly bodyType?: CallbackBodyType;
  /** The value of `Host`. */
  readonly host?: string;
  /** Lets TLS name the host in its first message, which most servers with several names need. */
  readonly sni?: boolean;
}

/** A callback that uploads can ask for. */
export class CallbackParameter {
  readonly #encoded: string;

  /**
   * @throws {TypeError} Says which member the storage server would refuse.
   */
  constructor(options: CallbackParameterOptions) {
    const urls = typeof options.url === "string" ? [options.url] : listed(options.url);
    checkUrls(urls);
    if (options.host !== undefined && !isAuthority(options.host)) {
      throw new TypeError("`host` is a name or an IPv4 address, with or without a port");
    }
    checkTemplate(options.body);
    const members = {
      callbackUrl: urls.join(";"),
      callbackHost: options.host,
      callbackBody: options.body,
      callbackBodyType: options.bodyType ?? FORM,
      callbackSNI: options.sni ? true : undefined,
    };
    if (members.callbackBodyType !== FORM && members.callbackBodyType !== JSON_TYPE) {
      throw new TypeError(`\`bodyType\` is neither \`${FORM}\` nor \`${JSON_TYPE}\``);
    }
    this.#encoded = Buffer.from(JSON.stringify(members)).toString("base64");
    if (this.#encoded.length > MAX_BASE64_BYTES) {
      throw new TypeError(
        `the callback is ${this.#encoded.length} bytes long; as base64 it has at most ${MAX_BASE64_BYTES}`,
      );
    }
  }

  /** The base64 text: the value of the form's field `callback`. */
  encode(): string {
    return this.#encoded;
  }
}

/** A setting that is missing is the likeliest mistake: `url: process.env.CALLBACK_URL`. */
function listed(url: unknown): string[] {
  if (Array.isArray(url)) return [...(url as string[])];
  throw new TypeError(
    `\`url\` is ${url === undefined ? "missing" : "no text"}: give the callback's address, or a list of up to ${MAX_URLS}`,
  );
}

function checkUrls(urls: string[]): void {
  if (urls.length === 0 || urls.length > MAX_URLS) {
    throw new TypeError(`a callback has 1 to ${MAX_URLS} addresses, not ${urls.length}`);
  }
  for (const url of urls) {
    // What a request line can carry; `;` would end the address. The scheme may be missing.
    const parts = typeof url === "string" ? PARTS.exec(url) : null;
    if (!isAuthority(parts?.[1])) {
      throw new TypeError(
        "a callback's address is `http(s)://host[:port]/path` in ASCII; encode everything else as `%XX`, a `;` as `%3B`",
      );
    }
  }
}

/** No user-info, no IPv6; a port that is one. */
function isAuthority(text: unknown): boolean {
  const [, host = "", port = "1"] =
    typeof text === "string" ? (/^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? []) : [];
  return host.length <= 253 && HOST.test(host) && Number(port) >= 1 && Number(port) <= 65535;
}

/** Refuses what can only be a mistake; OSS refuses it, too, or sends it as it stands. */
function checkTemplate(body: string): void {
  if (typeof body !== "string" || body === "") {
    throw new TypeError("give `body` a text, such as `object=${object}&size=${size}`");
  }
  if (/\$\([A-Za-z0-9_.:]+\)/.test(body))
    throw new TypeError("write `${name}` in `body`, not `$(name)`");
  if (/\$\{(?![^{}$&"\s]*\})/.test(body)) throw new TypeError("a `${` in `body` is not closed");
}

/** Authority, and what a request line carries after it. The scheme may be missing. */
const PARTS = /^(?:https?:\/\/)?([^/?]+)(?:[/?][!$-:=?-[\]^_a-~]*)?$/i;
const HOST = /^(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?$/;

const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";

/** How long `callback` may be, and how many addresses there may be. Source: OSS, "Callback". */
const MAX_BASE64_BYTES = 5 * 1024;
const MAX_URLS = 5;
