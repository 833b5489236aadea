/** A call to the application, as the storage server has recorded it. */

/** A call to the application: what was sent, and what came of it. */
export class RecordedCallback {
  readonly id: string;
  /** The upload's `x-oss-request-id`. */
  readonly requestId: string;
  readonly bucket: string;
  readonly key: string;
  readonly url: string;
  readonly target: string;
  /** From 1: which attempt this was. */
  readonly attempt: number;
  readonly requestHeaders: readonly (readonly [string, string])[];
  /** What was sent. */
  readonly body: Buffer;
  /** What the application answered; `undefined` if it did not. */
  readonly answer: { readonly status: number; readonly body: string } | undefined;
  /** Whether the application took the callback. */
  readonly outcome: "agreed" | "failed";
  /** Why not, and what to do about it. */
  readonly explanation: string | undefined;

  constructor(call: CallOfAdmin) {
    this.id = call.id;
    this.requestId = call.requestId;
    this.bucket = call.bucket;
    this.key = call.key;
    this.url = call.url;
    this.target = call.target;
    this.attempt = call.attempt;
    this.requestHeaders = call.requestHeaders;
    this.body =
      call.bodyBase64 === undefined
        ? Buffer.from(call.body ?? "")
        : Buffer.from(call.bodyBase64, "base64");
    this.answer = call.answer ?? undefined;
    this.outcome = call.outcome;
    this.explanation = call.explanation ?? undefined;
  }

  /** What was sent, read as a form. */
  form(): URLSearchParams {
    return new URLSearchParams(this.body.toString("utf8"));
  }

  /** What was sent, read as JSON. */
  json(): unknown {
    return JSON.parse(this.body.toString("utf8"));
  }
}

/** `GET /v1/callbacks/ID`. */
export interface CallOfAdmin {
  id: string;
  requestId: string;
  bucket: string;
  key: string;
  url: string;
  target: string;
  attempt: number;
  requestHeaders: [string, string][];
  body?: string;
  bodyBase64?: string;
  answer: { status: number; body: string } | null;
  outcome: "agreed" | "failed";
  explanation: string | null;
}
