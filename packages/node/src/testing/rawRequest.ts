/** A request whose target and headers arrive as they were given: `fetch` would normalise both. */
import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

/** What the application answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body read as JSON. */
  json(): unknown;
}

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly rawBody: Uint8Array;
}

/** Sends `request` to the host of `url`. */
export function sendRaw(url: string, request: RawRequest): Promise<Answer> {
  const { protocol, hostname, port } = new URL(url);
  const send = protocol === "https:" ? httpsRequest : httpRequest;
  const headers: Record<string, string[]> = {};
  for (const [name, value] of request.headers) (headers[name] ??= []).push(value);
  const options = {
    // `URL` keeps the brackets of an IPv6 address; a socket wants none.
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    method: request.method,
    path: request.target,
    headers: { ...headers, "Content-Length": String(request.rawBody.length) },
    agent: false as const,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
  return new Promise((resolve, reject) => {
    const sent = send(options, (response) => {
      response
        .toArray()
        .then((pieces: Buffer[]) => {
          const body = Buffer.concat(pieces);
          const json = (): unknown => JSON.parse(body.toString("utf8"));
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, json });
        })
        .catch(reject);
    });
    sent.on("error", reject);
    sent.end(request.rawBody);
  });
}

/** Twice what the storage server waits for. */
const TIMEOUT_MS = 10_000;
