/** The admin interface of a running upcall. */

/** The admin interface refused. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly status: number;
  /** Such as `NoSuchBucket`. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Asks the admin interface. */
export class Admin {
  readonly #url: string;
  // Private, so that no log that prints the object shows it.
  readonly #secret: string;

  constructor(url: string, secret: string) {
    this.#url = url.replace(/\/+$/, "");
    this.#secret = secret;
  }

  /** The JSON of the answer; `undefined` if it has none (204). */
  async ask(method: string, path: string, question: Question = {}): Promise<unknown> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(question.query ?? {})) {
      if (value !== undefined) query.set(name, value);
    }
    const target = query.size === 0 ? path : `${path}?${query}`;
    const init: RequestInit = {
      method,
      headers: { Authorization: `Bearer ${this.#secret}` },
      redirect: "error",
      signal: AbortSignal.timeout(question.timeoutMs ?? TIMEOUT_MS),
      ...(question.body === undefined ? {} : { body: JSON.stringify(question.body) }),
    };
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url + target, init);
      text = await response.text();
    } catch (cause) {
      // `fetch` says neither who was asked nor what.
      throw new Error(`${method} ${path}: upcall does not answer at ${this.#url}`, { cause });
    }
    if (!response.ok) throw refusal(method, path, response.status, text);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  }
}

export interface Question {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

function refusal(method: string, path: string, status: number, text: string): AdminError {
  let code = "Unknown";
  let message = text;
  try {
    const { error } = JSON.parse(text) as {
      error: { code: string; message: string; hint?: string };
    };
    code = error.code;
    message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  } catch {
    // Not this interface's answer; it is shown as it is.
  }
  // An older program does not know every route.
  const advice = code === "NoSuchRoute" ? " (this upcall is older than the package)" : "";
  return new AdminError(status, code, `${method} ${path}: ${status} ${message}${advice}`);
}

const TIMEOUT_MS = 10_000;
