/**
 * Callbacks in Hono.
 *
 * On Node (`@hono/node-server`) target and headers are those of the incoming message. Other runtimes
 * hand over a `Request` alone, whose URL is normalised and whose headers are joined: there, a callback
 * address that a URL parser would write in another way does not verify.
 */
import type { IncomingMessage } from "node:http";

import type { Context, Handler } from "hono";

import type { CallbackHeaders } from "./headers.js";
import type { CallbackVerifier, VerifiedCallback } from "./verifier.js";
import {
  BodyAlreadyReadError,
  BodyTooLargeError,
  MAX_CALLBACK_BYTES,
  readWebBody,
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
 * with `{"Status":"OK"}`. `handle` may set the status before (`c.status`), or return a `Response`.
 *
 * What is no callback is answered with 400, 403 if the verifier's binding does not permit it, or 503 if
 * its key cannot be had. Let no middleware read the body before.
 */
export function receiveCallback(
  verifier: CallbackVerifier,
  handle: (callback: VerifiedCallback, context: Context) => unknown,
  options: ReceiveOptions = {},
): Handler {
  return async (context) => {
    const rawBody = await readBody(context, options.limitBytes ?? MAX_CALLBACK_BYTES);
    if (rawBody === undefined) return send(context, 413, TOO_LARGE);
    const request = { method: context.req.method, ...targetAndHeaders(context), rawBody };
    const answer = await receive(verifier, request, options, (callback) =>
      handle(callback, context),
    );
    if (answer instanceof Refusal) return send(context, answer.status, answer.answer);
    return answer instanceof Response ? answer : send(context, undefined, answer);
  };
}

function targetAndHeaders(context: Context): { target: string; headers: CallbackHeaders } {
  const incoming = (
    context.env as { incoming?: IncomingMessage & { originalUrl?: string } } | undefined
  )?.incoming;
  if (incoming?.url !== undefined) {
    // Express, if Hono is mounted in it, has cut `url`.
    return { target: incoming.originalUrl ?? incoming.url, headers: incoming.rawHeaders };
  }
  // Cut out of the text: to parse and print it once more could only change it.
  const { url, headers } = context.req.raw;
  return { target: /^[^:]+:\/\/[^/?]*(\/[^#]*)/.exec(url)?.[1] ?? "/", headers };
}

/** The raw body; `undefined` if it is too long. */
async function readBody(context: Context, limitBytes: number): Promise<Buffer | undefined> {
  const { raw, bodyCache } = context.req;
  // What was read as bytes is kept as bytes. Anything else Hono would write anew from what it parsed.
  if (bodyCache.arrayBuffer !== undefined) return Buffer.from(await bodyCache.arrayBuffer);
  if (raw.bodyUsed || Object.keys(bodyCache).length > 0) {
    throw new BodyAlreadyReadError("let no middleware read it by `c.req.json()` or `c.req.text()`");
  }
  try {
    return await readWebBody(raw.body, limitBytes);
  } catch (error) {
    if (error instanceof BodyTooLargeError) return undefined;
    throw error;
  }
}

/** With the length written out: what is sent in pieces is no answer for the storage server. */
function send(
  context: Context,
  status: 400 | 403 | 413 | 503 | undefined,
  answer: unknown,
): Response {
  if (status !== undefined) context.status(status);
  const bytes = jsonBytes(answer);
  return context.body(new Uint8Array(bytes), {
    headers: { "Content-Type": APPLICATION_JSON, "Content-Length": String(bytes.length) },
  });
}
