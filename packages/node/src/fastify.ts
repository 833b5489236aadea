/**
 * Callbacks in Fastify 5, as a plugin.
 *
 * Within the plugin, and nowhere else, bodies are kept as bytes whatever their type. The target is
 * `originalUrl`, since `rewriteUrl` may have changed `url`; the headers are those of the raw request.
 */
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";

import type { CallbackVerifier, VerifiedCallback } from "./verifier.js";
import { BodyAlreadyReadError, MAX_CALLBACK_BYTES } from "./rawBody.js";
import { APPLICATION_JSON, jsonBytes, receive, type ReceiveOptions, Refusal } from "./receive.js";

/** How and where the plugin receives callbacks. */
export interface FastifyReceiveOptions extends ReceiveOptions {
  /** The route's path, without the query, below the plugin's prefix. */
  readonly path: string;
}

/**
 * A plugin with one route that verifies the callback, calls `handle`, and answers with the JSON that
 * it returns, or with `{"Status":"OK"}`. `handle` may set the reply's code before, or send by itself.
 *
 * What is no callback is answered with 400, 403 if the verifier's binding does not permit it, or 503 if
 * its key cannot be had. Register it as it is, not wrapped in `fastify-plugin`: its body parser would
 * become the application's.
 */
export function receiveCallback(
  verifier: CallbackVerifier,
  handle: (callback: VerifiedCallback, request: FastifyRequest, reply: FastifyReply) => unknown,
  options: FastifyReceiveOptions,
): FastifyPluginCallback {
  return (scope, _options, registered) => {
    const bodyLimit = options.limitBytes ?? MAX_CALLBACK_BYTES;
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit }, (_request, body, done) =>
      done(null, body),
    );
    scope.post(options.path, { bodyLimit }, async (request, reply) => {
      const rawBody = bytesOf(request);
      const { method, originalUrl: target, raw } = request;
      const answer = await receive(
        verifier,
        { method, target, headers: raw.rawHeaders, rawBody },
        options,
        (callback) => handle(callback, request, reply),
      );
      if (reply.sent) return reply;
      if (answer instanceof Refusal) return send(reply.code(answer.status), answer.answer);
      return send(reply, answer);
    });
    registered();
  };
}

function bytesOf({ body, raw }: FastifyRequest): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body);
  // Without content there is nothing to parse.
  const isEmpty =
    (body === undefined || body === null) &&
    !raw.headers["transfer-encoding"] &&
    !Number(raw.headers["content-length"]);
  if (isEmpty) return Buffer.alloc(0);
  throw new BodyAlreadyReadError("let no hook replace `request.body` on this route");
}

function send(reply: FastifyReply, answer: unknown): FastifyReply {
  // As bytes, to which Fastify adds neither a charset nor a serializer of the application's.
  return reply.header("Content-Type", APPLICATION_JSON).send(jsonBytes(answer));
}
