/**
 * Is this callback the storage server's?
 *
 * In: a request as it came, body included. Out: {@link VerifiedCallback}, or which part of it is
 * wrong. The key comes from an address that was judged first.
 *
 * Source: OSS, "Callback" (step 4).
 */
import { createHash } from "node:crypto";

import type { Binding, Permission } from "./binding.js";
import { decodeBase64 } from "./base64.js";
import { VerifyError } from "./verifyError.js";
import { type CallbackHeaders, type HeaderReader, headerReader } from "./headers.js";
import type { PublicKey } from "./publicKey.js";
import { FetchedPublicKeys, type PublicKeySource } from "./publicKeys.js";
import { leastBits, PublicKeyUrls } from "./publicKeyUrls.js";

/** A request that may be a callback, as it came. */
export interface CallbackRequest {
  readonly method: string;
  /**
   * Path and query, raw: neither decoded nor normalised, with nothing cut off that a router cut off.
   * In Node `request.url`, in Express `request.originalUrl`.
   */
  readonly target: string;
  readonly headers: CallbackHeaders;
  /** The body as bytes, before anything has read it as a form or JSON. */
  readonly rawBody: Uint8Array;
}

/** What a verifier goes by. */
export interface CallbackVerifierOptions {
  /** The addresses from which keys are taken; OSS's own by https, if nothing is said. */
  readonly keyUrls?: PublicKeyUrls;
  /** Where keys come from; fetched and kept, if nothing is said. */
  readonly keys?: PublicKeySource;
  /**
   * With it, a callback is taken only for what the application itself permitted, and
   * {@link VerifiedCallback.permission} says whom it permitted what. Without it, a signature proves no
   * more than that somebody with a key of the storage server uploaded something somewhere.
   */
  readonly binding?: Binding;
}

/** Verifies callbacks. Make one and keep it: it keeps the keys. */
export class CallbackVerifier {
  readonly #keyUrls: PublicKeyUrls;
  readonly #keys: PublicKeySource;
  readonly #binding: Binding | undefined;

  constructor(options: CallbackVerifierOptions = {}) {
    this.#keyUrls = options.keyUrls ?? PublicKeyUrls.oss();
    this.#keys = options.keys ?? new FetchedPublicKeys();
    this.#binding = options.binding;
  }

  /**
   * The callback, if it is genuine.
   *
   * @throws {VerifyError} Rejects with the first part that is wrong.
   * @throws {TypeError} Rejects if `rawBody` is no bytes: then something has read the body before.
   */
  async verify(request: CallbackRequest): Promise<VerifiedCallback> {
    if (!(request.rawBody instanceof Uint8Array)) {
      throw new TypeError(
        "`rawBody` must be the body's bytes as they came, not what a body parser made of them",
      );
    }
    if (request.method !== "POST") throw new VerifyError("method", "a callback is a POST request");
    const { length } = request.rawBody;
    const message = stringToSign(request.target, request.rawBody);
    const header = headerReader(request.headers);
    const keyUrl = this.#readKeyUrl(needed(header, X_OSS_PUB_KEY_URL));
    const signature = decoded(AUTHORIZATION, needed(header, AUTHORIZATION));
    if ((header(X_OSS_SIGNATURE_VERSION) ?? "1.0") !== "1.0") {
      throw new VerifyError("signature-version", "the header `x-oss-signature-version` is not 1.0");
    }
    checkDigest(header(CONTENT_MD5), request.rawBody);
    await this.#checkSignature(keyUrl, message, signature);
    // What was verified, not what the caller's buffer holds by now: it may have been used again while
    // the key was fetched.
    return new VerifiedCallback(message.subarray(message.length - length), this.#binding);
  }

  async #checkSignature(keyUrl: string, message: Buffer, signature: Buffer): Promise<void> {
    const key = await this.#key(keyUrl);
    const wrong = problem(key, keyUrl, message, signature);
    if (wrong === undefined) return;
    // The storage server may have another key by now.
    const renewed = await this.#keys.renewedKey?.(keyUrl, key);
    const still = renewed === undefined ? wrong : problem(renewed, keyUrl, message, signature);
    if (still !== undefined) throw still;
  }

  #readKeyUrl(base64: string): string {
    const url = decodeBase64(base64)?.toString("latin1");
    if (url === undefined)
      throw new VerifyError("key-url", "the header `x-oss-pub-key-url` is not base64");
    if (!this.#keyUrls.admits(url)) {
      throw new VerifyError("key-url", "the key's address is not one of those that are allowed");
    }
    return url;
  }

  async #key(url: string): Promise<PublicKey> {
    try {
      return await this.#keys.publicKey(url);
    } catch (cause) {
      throw new VerifyError("key-unavailable", "the key cannot be had from its address", {
        cause,
      });
    }
  }
}

/** Why the signature is not one of this key; `undefined` if it is. */
function problem(
  key: PublicKey,
  keyUrl: string,
  message: Buffer,
  signature: Buffer,
): VerifyError | undefined {
  const least = leastBits(keyUrl);
  if (key.bits < least) {
    return new VerifyError(
      "key-too-small",
      `the key has ${key.bits} bits; from this address it must have ${least}`,
    );
  }
  if (key.verifyMd5(message, signature)) return undefined;
  return new VerifyError(
    "signature",
    "the signature does not match target and body, or was made with another key",
  );
}

/**
 * A callback that the key's owner signed.
 *
 * What was signed is target and body, and nothing else: neither a host nor a time nor any header. An
 * application that must not hear of one upload twice keeps the request id that the body brings.
 */
export class VerifiedCallback {
  /** The body, as rendered from `callbackBody`. */
  readonly rawBody: Buffer;
  readonly #permission: Permission | undefined;

  constructor(rawBody: Uint8Array, binding?: Binding) {
    this.rawBody = Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength);
    this.#permission = binding?.verify(this.#text("binding"), {
      bucket: this.#text("bucket"),
      object: this.#text("object"),
    });
  }

  /**
   * Whom the application permitted what, by the body's binding.
   *
   * @throws {TypeError} if the verifier has no `binding`, and so did not look.
   */
  get permission(): Permission {
    if (this.#permission === undefined) {
      throw new TypeError("give the verifier a `binding`: without one it knows of no permission");
    }
    return this.#permission;
  }

  /**
   * The body read as a form.
   *
   * @throws {VerifyError} of the code `body` if it is no UTF-8, or has a field twice: of two values, one
   * reader would take the first and the next the last. The adapters answer it with 400.
   */
  form(): URLSearchParams {
    readUtf8(percentDecoded(this.rawBody));
    const fields = new URLSearchParams(readUtf8(this.rawBody));
    if (new Set(fields.keys()).size !== fields.size)
      throw new VerifyError("body", "the callback's body has a field twice");
    return fields;
  }

  /**
   * The body read as JSON.
   *
   * @throws {VerifyError} of the code `body` if it is none, or no UTF-8, or has a member twice.
   */
  json(): unknown {
    const text = readUtf8(this.rawBody);
    let value: unknown;
    let members = 0;
    try {
      value = JSON.parse(text, (_name, inner: unknown) => {
        if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) {
          members += Object.keys(inner).length;
        }
        return inner;
      });
    } catch (cause) {
      throw new VerifyError("body", "the callback's body is no JSON", { cause });
    }
    // Each member has a colon outside of the texts, and of two of one name one is left.
    const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
    if (colons !== members) throw new VerifyError("body", "the callback's body has a member twice");
    return value;
  }

  /** A text of the body, which is JSON if it begins so: the header that says what it is is not signed. */
  #text(name: string): string | undefined {
    if (this.rawBody[0] !== "{".charCodeAt(0)) return this.form().get(name) ?? undefined;
    const members = this.json() as Record<string, unknown>;
    const value = Object.hasOwn(members, name) ? members[name] : undefined;
    return typeof value === "string" ? value : undefined;
  }
}

/**
 * What is signed: the path decoded, the query as it is, a line feed, the body.
 *
 * @throws {VerifyError} if the target could be signed in two ways.
 */
export function stringToSign(target: string, body: Uint8Array): Buffer {
  const end = target.indexOf("?");
  const path = percentDecoded(toBytes(end < 0 ? target : target.slice(0, end)));
  // The path is signed decoded, next to `?` and a line feed as marks: were they allowed in it,
  // `/a%3Fb` would carry the signature of `/a?b`.
  if (
    !target.startsWith("/") ||
    path.includes("?") ||
    path.includes("\n") ||
    // A fragment is never sent: servers differ in whether they hand it on.
    /[#\n]/.test(target)
  ) {
    throw new VerifyError(
      "target",
      "the target is not a path, has a fragment, or an encoded `?` or line feed in its path",
    );
  }
  const query = toBytes(end < 0 ? "" : target.slice(end));
  return Buffer.concat([path, query, Buffer.from("\n"), body]);
}

/** Node gives the bytes of a request line as a text of that many characters. */
function toBytes(target: string): Buffer {
  return Buffer.from(target, /^[\0-\xff]*$/.test(target) ? "latin1" : "utf8");
}

/** To bytes, not to text: `decodeURIComponent` throws at what is no UTF-8. `+` and `%zz` stay. */
function percentDecoded(text: Buffer): Buffer {
  const decode = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));
  return Buffer.from(text.toString("latin1").replace(/%([0-9A-Fa-f]{2})/g, decode), "latin1");
}

/** Without replacing what is none: two names would become the same one. */
function readUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new VerifyError("body", "the callback's body is no UTF-8", { cause });
  }
}

function needed(header: HeaderReader, name: string): string {
  const value = header(name);
  if (value === undefined)
    throw new VerifyError("header-missing", `the header \`${name}\` is missing`);
  return value;
}

function decoded(name: string, base64: string): Buffer {
  const bytes = decodeBase64(base64);
  if (bytes === undefined)
    throw new VerifyError("header-not-base64", `the header \`${name}\` is not base64`);
  return bytes;
}

/** OSS's oldest callbacks have no digest; the signature covers the body in any case. */
function checkDigest(base64: string | undefined, body: Uint8Array): void {
  if (base64 === undefined) return;
  if (!decoded(CONTENT_MD5, base64).equals(createHash("md5").update(body).digest())) {
    throw new VerifyError(
      "digest",
      "the body does not have the MD5 that the header `content-md5` says",
    );
  }
}

const AUTHORIZATION = "authorization";
const CONTENT_MD5 = "content-md5";
const X_OSS_PUB_KEY_URL = "x-oss-pub-key-url";
const X_OSS_SIGNATURE_VERSION = "x-oss-signature-version";
