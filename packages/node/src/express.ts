/**
 * Callbacks in Express 4 and 5.
 *
 * The target is `originalUrl`, since a mounted router cuts the beginning off `url`; the headers are
 * `rawHeaders`, where a doubled one is still two; the body is read here, as bytes.
 */
import type { Request, RequestHandler, Response } from "express";

import type { CallbackVerifier, VerifiedCallback } from "./verifier.js";
import {
  BodyAlreadyReadError,
  BodyTooLargeError,
  MAX_CALLBACK_BYTES,
  readRawBody,
} from "./rawBody.js";
import {
  APPLICATION_JSON,
  jsonBytes,
  receive,
  type ReceiveOptions,
  Refusal,
  TOO_LARGE,
} from "./receive.js";

export type { ReceiveOptions } from "./receive.js";

/**
 * A handler that verifies the callback, calls `handle`, and answers with the JSON that it returns, or
 * with `{"Status":"OK"}`. `handle` may set the response's status before, or answer by itself.
 *
 * What is no callback is answered with 400, 403 if the verifier's binding does not permit it, or 503 if
 * its key cannot be had. Mount it before `express.json()` and the like.
 */
export function receiveCallback(
  verifier: CallbackVerifier,
  handle: (callback: VerifiedCallback, request: Request, response: Response) => unknown,
  options: ReceiveOptions = {},
): RequestHandler {
  const respond = async (request: Request, response: Response): Promise<void> => {
    const limitBytes = options.limitBytes ?? MAX_CALLBACK_BYTES;
    const rawBody = await readBody(request, limitBytes);
    if (rawBody === undefined) {
      send(response.status(413).set("Connection", "close"), TOO_LARGE);
      return;
    }
    const { method, originalUrl: target, rawHeaders: headers } = request;
    const answer = await receive(
      verifier,
      { method, target, headers, rawBody },
      options,
      (callback) => handle(callback, request, response),
    );
    if (response.headersSent) return;
    if (answer instanceof Refusal) send(response.status(answer.status), answer.answer);
    else send(response, answer);
  };
  return (request, response, next) => {
    respond(request, response).catch(next);
  };
}

/** The raw body; `undefined` if it is too long. */
async function readBody(request: Request, limitBytes: number): Promise<Buffer | undefined> {
  if (request.readableDidRead) {
    // `express.raw()` keeps the bytes in `body`; some hosts' functions keep them in `rawBody`.
    const kept = "rawBody" in request ? request.rawBody : request.body;
    if (kept instanceof Uint8Array) return Buffer.from(kept);
    throw new BodyAlreadyReadError(
      "mount the callback's route before `express.json()`, `express.urlencoded()` and `express.text()`",
    );
  }
  try {
    return await readRawBody(request, limitBytes);
  } catch (error) {
    if (error instanceof BodyTooLargeError) return undefined;
    throw error;
  }
}

/** Not `response.json`: settings of the application must not change these answers. */
function send(response: Response, answer: unknown): void {
  const bytes = jsonBytes(answer);
  response.setHeader("Content-Type", APPLICATION_JSON);
  response.setHeader("Content-Length", bytes.length);
  response.end(bytes);
}
