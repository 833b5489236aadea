/** The body of a request as bytes, within a limit. */
import type { Readable } from "node:stream";

/** A body parser or other code has read the body before: its bytes are gone. */
export class BodyAlreadyReadError extends Error {
  override readonly name = "BodyAlreadyReadError";

  constructor(advice: string) {
    super(
      `the callback's body was read before upcall could: its signature covers the raw bytes, and they are gone; ${advice}`,
    );
  }
}

/** The body is longer than the limit. Frameworks answer 413. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  readonly statusCode = 413;

  constructor(limitBytes: number) {
    super(`the body is longer than ${limitBytes} bytes`);
  }
}

/** A callback has no more: OSS renders the body from a template of 5 KiB and short values. */
export const MAX_CALLBACK_BYTES = 1024 * 1024;

/**
 * Reads the body of a request of Node's own HTTP server.
 *
 * Rejects with {@link BodyTooLargeError}; the connection can still be answered then, and should be
 * closed after it.
 */
export function readRawBody(
  request: Readable,
  limitBytes: number = MAX_CALLBACK_BYTES,
): Promise<Buffer> {
  if (request.readableDidRead)
    return Promise.reject(new BodyAlreadyReadError("read it once, here"));
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const settle = (done: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
      done();
    };
    // Not `for await`: leaving that loop destroys the connection, and with it the answer.
    const onData = (piece: Buffer): void => {
      length += piece.length;
      if (length > limitBytes) {
        request.pause();
        settle(() => reject(new BodyTooLargeError(limitBytes)));
      } else {
        pieces.push(piece);
      }
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(pieces)));
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void =>
      settle(() => reject(new Error("the connection broke before the body had come")));
    request.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
  });
}

/** The same for a web stream. */
export async function readWebBody(
  body: ReadableStream<Uint8Array> | null,
  limitBytes: number,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = body?.getReader();
  for (
    let read = await reader?.read();
    read !== undefined && !read.done;
    read = await reader?.read()
  ) {
    length += read.value.length;
    if (length > limitBytes) throw new BodyTooLargeError(limitBytes);
    pieces.push(read.value);
  }
  return Buffer.concat(pieces);
}
