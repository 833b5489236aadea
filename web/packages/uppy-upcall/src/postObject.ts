/**
 * One form, sent straight to the storage server.
 *
 * `fetch` would be shorter, but it cannot tell how much of the body has been sent.
 */
import type { SignedPolicy } from "./policy.ts";

/** The storage server's answer, whatever it says. */
export interface Answer {
  status: number;
  body: string;
  /** `x-oss-request-id`, if the bucket's CORS rules let the page see it. */
  requestId: string | null;
}

/** No answer came: the server is down, the network is gone, or the browser was not let through. */
export class NoAnswer extends Error {}

export interface PostOptions {
  onProgress?: (sentBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
}

/** Without any progress for this long, the other side is taken for dead. */
const STALL_LIMIT_MS = 60_000;

/** The form in the order of the documented page; `file` is last, nothing after it is read. */
export function buildForm(signed: SignedPolicy, key: string, file: Blob, fileName: string): FormData {
  const form = new FormData();
  form.append("key", key);
  for (const [name, value] of Object.entries(signed.fields)) form.append(name, value);
  form.append("file", file, fileName);
  return form;
}

/**
 * Posts the form to the bucket.
 *
 * Rejects with {@link NoAnswer}, or with the signal's reason when it was cancelled.
 */
export function postObject(url: string, form: FormData, options: PostOptions = {}): Promise<Answer> {
  const { onProgress, signal } = options;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
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
    request.addEventListener("load", () => {
      settle();
      const requestId = request.getResponseHeader("x-oss-request-id");
      resolve({ status: request.status, body: request.responseText, requestId });
    });
    request.addEventListener("error", () => {
      settle();
      reject(new NoAnswer());
    });
    request.addEventListener("abort", () => {
      settle();
      reject(signal?.aborted === true ? signal.reason : new NoAnswer());
    });

    if (signal?.aborted === true) {
      settle();
      reject(signal.reason);
      return;
    }
    signal?.addEventListener("abort", cancel);
    request.open("POST", url);
    request.send(form);
  });
}
