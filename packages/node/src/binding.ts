/**
 * The binding: proof, in a callback's body, of what the application itself permitted.
 *
 * A signature says that the storage server sent the callback. Each holder of one of the server's keys
 * (at OSS: each customer) can have it sign a body about anybody's objects. So the application that
 * makes a policy puts a MAC over what it permits into `callbackBody`, pins `callback` in the policy,
 * and takes nothing for its own upload that does not lie within.
 *
 * It proves *permitted*, not *uploaded*: someone who was permitted, and holds another key of the
 * server, can have a call signed for an upload that never was.
 */
import { createHmac, timingSafeEqual } from "node:crypto";

import { VerifyError, type BindingErrorCode } from "./verifyError.js";

/** What was permitted: one key, or all keys that begin with a prefix. */
export type Permission = {
  readonly bucket: string;
  /** Who was permitted. Take the user from here, never from the key's text. */
  readonly user?: string;
  /** The last Unix second in which a callback may say so: {@link Binding.expiresAfter}. */
  readonly expires: number;
} & (
  | { readonly prefix: string; readonly key?: never }
  | { readonly key: string; readonly prefix?: never }
);

/** What the callback's body says of the upload. */
export interface BoundUpload {
  readonly bucket: string | undefined;
  readonly object: string | undefined;
}

/** A callback is not one that the application permitted. Its `code` begins with `binding-`. */
export class BindingError extends VerifyError {
  override readonly name = "BindingError";
  declare readonly code: BindingErrorCode;

  constructor(code: BindingErrorCode, message: string) {
    super(code, message);
  }
}

/** Makes bindings and verifies them. */
export class Binding {
  readonly #keys: readonly Buffer[];
  readonly #graceSeconds: number;

  /**
   * @param secrets What is known to makers and verifiers only: the access key secret, or a secret of
   * its own. Of several, the first makes and all verify.
   * @throws {TypeError} if there is none, or an empty one.
   */
  constructor(secrets: string | readonly string[], options: { graceSeconds?: number } = {}) {
    const list = typeof secrets === "string" ? [secrets] : [...secrets];
    if (list.length === 0 || !list.every((secret) => typeof secret === "string" && secret !== "")) {
      throw new TypeError("a binding needs a secret, such as the access key secret");
    }
    const graceSeconds = options.graceSeconds ?? GRACE_SECONDS;
    if (!(Number.isSafeInteger(graceSeconds) && graceSeconds >= 0)) {
      throw new TypeError("`graceSeconds` is a whole number of seconds");
    }
    this.#keys = list.map((secret) => mac(secret, "upcall-binding-v1"));
    this.#graceSeconds = graceSeconds;
  }

  /**
   * With the secrets of a setting such as `BINDING_SECRET`, separated by commas; the access key secret
   * if it is empty or missing. A setting is needed where policies are made by another program than
   * receives the callbacks, or where the access key rotates.
   *
   * @throws {TypeError} if one has fewer than 16 bytes.
   */
  static fromSetting(
    setting: string | undefined,
    accessKeySecret: string,
    options: { graceSeconds?: number } = {},
  ): Binding {
    const own = (setting ?? "")
      .split(",")
      .map((secret) => secret.trim())
      .filter((secret) => secret !== "");
    if (own.some((secret) => Buffer.byteLength(secret) < MIN_SECRET_BYTES)) {
      throw new TypeError(`a secret for bindings has at least ${MIN_SECRET_BYTES} bytes`);
    }
    return new Binding(own.length === 0 ? accessKeySecret : own, options);
  }

  /**
   * When a binding ends whose policy ends at `expiration`: 25 hours later, since uploads that began
   * before may still be under way, and callbacks are redelivered for a day.
   */
  expiresAfter(expiration: Date): number {
    return Math.ceil(expiration.getTime() / 1000) + this.#graceSeconds;
  }

  /**
   * The text for `callbackBody`, as `…&binding=TEXT` in a form and `"binding":"TEXT"` in JSON. The
   * body must have `bucket=${bucket}` and `object=${object}`, too. Nothing in it has to be escaped.
   *
   * @throws {TypeError} Says what a permission lacks.
   */
  make(permission: Permission): string {
    const { bucket, prefix, key, user, expires } = permission;
    const texts = [bucket, prefix ?? key, user ?? ""];
    if (
      !texts.every((text) => typeof text === "string") ||
      (prefix === undefined) === (key === undefined)
    ) {
      throw new TypeError(
        "a permission has texts for `bucket`, for `prefix` or `key`, and perhaps for `user`",
      );
    }
    if (!isSecond(expires)) throw new TypeError("`expires` is a whole number of Unix seconds");
    const members = {
      bucket,
      ...(key === undefined ? { prefix } : { key }),
      ...(user === undefined ? {} : { user }),
      expires,
    };
    const signed = `v1.${Buffer.from(JSON.stringify(members)).toString("base64url")}`;
    return `${signed}.${this.#macs(signed)[0] ?? ""}`;
  }

  /**
   * What was permitted, if it was the upload that the callback's body names.
   *
   * @param token The body's `binding`.
   * @param now The present Unix second.
   * @throws {BindingError} with the first part that is wrong.
   */
  verify(
    token: string | undefined,
    upload: BoundUpload,
    now: number = Date.now() / 1000,
  ): Permission {
    if (token === undefined || token === "") {
      throw new BindingError(
        "binding-missing",
        "the body has no binding: the policy was not made with one",
      );
    }
    const [, signed = "", encoded = "", given = ""] =
      (token.length <= MAX_CHARACTERS && TOKEN.exec(token)) || [];
    if (signed === "") throw new BindingError("binding-malformed", "the binding has another form");
    // As texts: of two ways to write a MAC in base64, one is taken.
    const isOurs = this.#macs(signed).some((text) =>
      timingSafeEqual(Buffer.from(text), Buffer.from(given)),
    );
    if (!isOurs) {
      throw new BindingError("binding-mac", "the binding was made with another secret, or changed");
    }
    const permission = readPermission(encoded);
    if (permission === undefined) {
      throw new BindingError("binding-malformed", "the binding holds no permission");
    }
    if (Math.floor(now) > permission.expires) {
      throw new BindingError("binding-expired", "the binding has expired");
    }
    if (upload.bucket !== permission.bucket) {
      throw new BindingError("binding-bucket", "another bucket was permitted");
    }
    const { prefix, key } = permission;
    const isPermitted =
      prefix === undefined ? upload.object === key : upload.object?.startsWith(prefix);
    if (!isPermitted) throw new BindingError("binding-object", "another object was permitted");
    return permission;
  }

  #macs(signed: string): string[] {
    return this.#keys.map((key) => mac(key, signed).toString("base64url"));
  }
}

function mac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function readPermission(encoded: string): Permission | undefined {
  let value: unknown;
  try {
    const bytes = Buffer.from(encoded, "base64url");
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { bucket, prefix, key, user, expires } = value as Record<string, unknown>;
  const isText = (text: unknown): text is string => typeof text === "string";
  const isWhole = isText(bucket) && (user === undefined || isText(user)) && isSecond(expires);
  if (!isWhole) return undefined;
  const who = user === undefined ? {} : { user };
  if (key === undefined && isText(prefix)) return { bucket, prefix, ...who, expires };
  if (prefix === undefined && isText(key)) return { bucket, key, ...who, expires };
  return undefined;
}

function isSecond(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Version, permission, and a MAC of 32 bytes. */
const TOKEN = /^(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})$/;
/** `callback` has at most 5 KiB of base64, and the binding is a part of it. */
const MAX_CHARACTERS = 4096;
/** The redelivery of callbacks goes on for a day; one hour more. */
const GRACE_SECONDS = 90_000;
const MIN_SECRET_BYTES = 16;
