/** Why a request is no callback of ours. */

/** What exactly is wrong. */
export type VerifyErrorCode = keyof typeof PARTS;

/** Which part of the request is wrong. */
export type CheckedPart = (typeof PARTS)[VerifyErrorCode];

/**
 * The request is no callback of ours. Answer it with {@link VerifyError.status}.
 *
 * `code` and `message` may be logged: neither holds anything that was sent.
 */
export class VerifyError extends Error {
  override readonly name = "VerifyError";
  /** What exactly is wrong. */
  readonly code: VerifyErrorCode;

  constructor(code: VerifyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Which part of the request is wrong. */
  get part(): CheckedPart {
    return PARTS[this.code];
  }

  /**
   * What to answer: 503 if only the key could not be had, else 400. After a 4xx, upcall does not call
   * again, and drops what a gated bucket holds: no answer to a passing trouble.
   */
  get status(): 400 | 503 {
    return this.code === "key-unavailable" ? 503 : 400;
  }
}

const PARTS = {
  method: "request",
  target: "request",
  "header-missing": "header",
  "header-twice": "header",
  "header-not-base64": "header",
  "signature-version": "header",
  "key-url": "key-url",
  "key-too-small": "key-url",
  "key-unavailable": "key-url",
  digest: "digest",
  signature: "signature",
} as const;
