/**
 * The admin interface, as the console asks it: same origin, by the session's cookie.
 *
 * What changes something carries a header that no page of another site can send.
 */

/** What the server says when it cannot, in its own words. */
export class ApiError extends Error {
  constructor(
    /** 0: there was no answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Longer than the longest wait of the server's own (60 s). */
const ASK_LIMIT_MS = 90_000;

/** Told when the session has ended. */
let onSessionEnd: () => void = () => undefined;

export function whenSessionEnds(tell: () => void): void {
  onSessionEnd = tell;
}

/**
 * One question; `null` where the answer has no body.
 *
 * @throws ApiError
 */
export async function ask(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const limit = AbortSignal.timeout(ASK_LIMIT_MS);
  const init: RequestInit = {
    method,
    cache: "no-store",
    redirect: "error",
    headers: { "x-upcall-console": "1" },
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  };
  if (body !== undefined) init.body = JSON.stringify(body);
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch (reason) {
    if (signal?.aborted === true) throw reason;
    throw new ApiError(0, "Unreachable", "", "");
  }
  const json = parse(text);
  if (response.ok) return json;
  const error = errorOf(response.status, json);
  if (error.code === "Unauthorized") onSessionEnd();
  throw error;
}

/** The part of a path or of a query, safely. */
export const part = encodeURIComponent;

/** `?a=b&c=d` of what is not empty. */
export function query(parameters: Readonly<Record<string, string | number | null>>): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== null && value !== "");
  const text = pairs.map(([name, value]) => `${part(name)}=${part(String(value))}`).join("&");
  return text === "" ? "" : `?${text}`;
}

export function errorOf(status: number, json: unknown): ApiError {
  const said = (json as { error?: { code?: unknown; message?: unknown; hint?: unknown } } | null)?.error;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return new ApiError(status, text(said?.code) || String(status), text(said?.message), text(said?.hint));
}

function parse(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
