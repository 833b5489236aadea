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

/** The callback, or why it is none; then the answer is {@link REFUSED} with the error's status. */
export async function receive(
  verifier: CallbackVerifier,
  request: CallbackRequest,
  options: ReceiveOptions,
): Promise<VerifiedCallback | VerifyError> {
  try {
    return await verifier.verify(request);
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    options.onRefused?.(error);
    return error;
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
export const ACCEPTED = { Status: "OK" };
export const REFUSED = { Status: "verify not ok" };
export const TOO_LARGE = { Status: "body too large" };
export const APPLICATION_JSON = "application/json";
