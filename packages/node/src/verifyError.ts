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
  override readonly name: string = "VerifyError";
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
   * What to answer: 503 if only the key could not be had, 403 if the binding does not permit the
   * upload, else 400. After a 4xx, upcall does not call again, and drops what a gated bucket holds: no
   * answer to a passing trouble.
   */
  get status(): 400 | 403 | 503 {
    if (this.code === "key-unavailable") return 503;
    return this.part === "binding" ? 403 : 400;
  }
}

/** What can be wrong with a binding. */
export type BindingErrorCode = Extract<VerifyErrorCode, `binding-${string}`>;

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
  body: "body",
  "binding-missing": "binding",
  "binding-malformed": "binding",
  "binding-mac": "binding",
  "binding-expired": "binding",
  "binding-bucket": "binding",
  "binding-object": "binding",
} as const;
