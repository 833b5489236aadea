/**
 * A form, sent to the storage server, and its answer.
 *
 * `fetch` would be shorter, but it cannot tell how much of the body has been sent.
 */

/** The storage server's answer, whatever it says. */
export interface Answer {
  status: number;
  body: string;
  /** `x-oss-request-id`, if the bucket's CORS rules let the page see it. */
  requestId: string | null;
  /** `Retry-After` in milliseconds; another origin's page sees it only if the CORS rules expose it. */
  retryAfterMs: number | null;
}

/** No answer came: the server is down, the network is gone, or the browser was not let through. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

export interface SendOptions {
  onProgress?: (sentBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
}

/** Without any progress for this long, the other side is taken for dead. */
const STALL_LIMIT_MS = 60_000;

/** OSS hands on 3 MB of the application's answer at most; who sends more than that never ends. */
const MOST_ANSWER_BYTES = 4_194_304;

/** Rejects with {@link NoAnswer}, or with the signal's reason when it was cancelled. */
export function sendForm(host: string, form: FormData, options: SendOptions = {}): Promise<Answer> {
  const { onProgress, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", host); // throws where `host` is no address, so before anything waits
    let stall = setTimeout(() => request.abort(), STALL_LIMIT_MS);
    const stillAlive = (): void => {
      clearTimeout(stall);
      stall = setTimeout(() => request.abort(), STALL_LIMIT_MS);
    };
    const cancel = (): void => request.abort();
    const settle = (): void => {
      clearTimeout(stall);
      signal?.removeEventListener("abort", cancel);
    };

    request.upload.addEventListener("progress", (event) => {
      stillAlive();
      if (event.lengthComputable) onProgress?.(event.loaded, event.total);
    });
    request.addEventListener("progress", ({ loaded }) => {
      if (loaded > MOST_ANSWER_BYTES) request.abort();
    });
    request.addEventListener("load", () => {
      settle();
      resolve({
        status: request.status,
        body: request.responseText,
        requestId: request.getResponseHeader("x-oss-request-id"),
        // Asked for only where it means something: a browser complains of headers that it must hide.
        retryAfterMs: request.status < 500 ? null : parseRetryAfter(request.getResponseHeader("retry-after")),
      });
    });
    request.addEventListener("error", () => {
      settle();
      reject(new NoAnswer());
    });
    request.addEventListener("abort", () => {
      settle();
      reject(signal?.aborted === true ? signal.reason : new NoAnswer());
    });

    signal?.addEventListener("abort", cancel);
    request.send(form);
  });
}

/** Seconds, or a date. */
export function parseRetryAfter(value: string | null, now: number = Date.now()): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
