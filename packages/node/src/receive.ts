/** What the adapters share: the answers to the storage server, and the options. */
import { VerifyError } from "./verifyError.js";
import type { CallbackRequest, CallbackVerifier, VerifiedCallback } from "./verifier.js";

/** How an adapter receives callbacks. */
export interface ReceiveOptions {
  /** Told why a request was refused, for a log line. Neither code nor message hold what was sent. */
  readonly onRefused?: (error: VerifyError) => void;
  /** How long a body may be; 1 MiB, if nothing is said. */
  readonly limitBytes?: number;
}

/** What the storage server is answered instead of the handler's JSON. */
export class Refusal {
  readonly status: 400 | 403 | 503;
  readonly answer: { Status: string };

  constructor({ status, part }: VerifyError) {
    this.status = status;
    this.answer = { Status: WORDS.get(part) ?? "verify not ok" };
  }
}

/**
 * What `handle` answers to the callback, or why there is none. A handler that reads the body and finds
 * it to be none of its own, as {@link VerifiedCallback.form} says, ends in a refusal, too: the storage
 * server would call again after a 500.
 */
export async function receive(
  verifier: CallbackVerifier,
  request: CallbackRequest,
  options: ReceiveOptions,
  handle: (callback: VerifiedCallback) => unknown,
): Promise<unknown> {
  try {
    return (await handle(await verifier.verify(request))) ?? ACCEPTED;
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    options.onRefused?.(error);
    return new Refusal(error);
  }
}

/**
 * The bytes of an answer. Their number is sent as `Content-Length`, without which the storage server
 * takes the answer for none.
 *
 * @throws {TypeError} if there is no JSON for `answer`.
 */
export function jsonBytes(answer: unknown): Buffer {
  const text: string | undefined = JSON.stringify(answer);
  if (text === undefined) throw new TypeError("the answer to a callback must be JSON");
  return Buffer.from(text);
}

/** What the samples answer to a genuine callback, where the application has nothing else to say. */
const ACCEPTED = { Status: "OK" };
const WORDS = new Map([
  ["body", "body not understood"],
  ["binding", "not permitted"],
]);
export const TOO_LARGE = { Status: "body too large" };
export const APPLICATION_JSON = "application/json";
