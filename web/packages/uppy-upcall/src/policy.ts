/**
 * The signed policy: asked of the application server, kept while it is good, renewed in time.
 *
 * In: the documented JSON (`accessid host policy signature expire callback dir`). Out:
 * {@link SignedPolicy}, or a {@link PolicyError} that says which part of the asking went wrong.
 */

/**
 * What the application server signed: where to post, and which fields to post, as they are.
 *
 * The page adds the `key` and the file, and changes nothing; the storage server would refuse it.
 */
export interface SignedPolicy {
  /** The form's action: the bucket's address. */
  url: string;
  /** Every key must begin with this. */
  dir: string;
  /** In the order in which they are sent, after `key`. */
  fields: Readonly<Record<string, string>>;
  /** `null` if the answer does not say: such a policy serves one file. */
  expiresAt: Date | null;
}

/** Why there is no policy. */
export class PolicyError extends Error {
  constructor(
    readonly reason: "unreachable" | "refused" | "unusable",
    /** What the application server said, if it said anything. */
    readonly words: string | null,
    readonly status: number | null = null,
  ) {
    super(words ?? reason);
  }
}

/** A policy that has less time than this left is asked for anew. */
export const RENEW_BEFORE_MS = 3_000;

/** How long the application server may take to sign a policy. */
const ASK_LIMIT_MS = 15_000;

/** Hands out a good policy, and asks for one only when it must. */
export class PolicySource {
  #held: SignedPolicy | null = null;
  #asking: Promise<SignedPolicy> | null = null;

  constructor(
    private readonly ask: () => Promise<SignedPolicy>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Files that start together share one question. */
  async current(): Promise<SignedPolicy> {
    if (this.#held !== null && this.#isGood(this.#held)) return this.#held;
    this.#asking ??= this.ask().finally(() => {
      this.#asking = null;
    });
    this.#held = await this.#asking;
    return this.#held;
  }

  /** The storage server calls this policy expired, whatever our clock says. */
  discard(policy: SignedPolicy): void {
    if (this.#held === policy) this.#held = null;
  }

  #isGood(policy: SignedPolicy): boolean {
    return policy.expiresAt !== null && policy.expiresAt.getTime() - this.now() >= RENEW_BEFORE_MS;
  }
}

/** Asks the application server at `url`. */
export async function askPolicy(url: string): Promise<SignedPolicy> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      headers: { accept: "application/json" },
      cache: "no-store",
      signal: AbortSignal.timeout(ASK_LIMIT_MS),
    });
    text = await response.text();
  } catch {
    throw new PolicyError("unreachable", null);
  }
  if (!response.ok) {
    throw new PolicyError("refused", readErrorMessage(text), response.status);
  }
  return parsePolicy(text);
}

/**
 * Reads the application server's answer.
 *
 * Its content type is not looked at (the official samples send several), and its members may come
 * in any order.
 */
export function parsePolicy(text: string): SignedPolicy {
  const json = parseObject(text);
  const url = textOf(json, "host");
  const accessKeyId = textOf(json, "accessid");
  const policy = textOf(json, "policy");
  const signature = textOf(json, "signature");
  if (url === "" || accessKeyId === "" || policy === "" || signature === "") {
    throw new PolicyError("unusable", text.slice(0, 300));
  }
  const callback = textOf(json, "callback");
  return {
    url,
    dir: textOf(json, "dir"),
    fields: {
      policy,
      OSSAccessKeyId: accessKeyId,
      success_action_status: "200",
      ...(callback === "" ? {} : { callback }),
      signature,
    },
    expiresAt: expirationOf(json["expire"], policy),
  };
}

/** `expire` is a number in most samples and text in the Java one: Unix seconds either way. */
function expirationOf(expire: unknown, policy: string): Date | null {
  const seconds =
    typeof expire === "number" ? expire : typeof expire === "string" ? Number.parseInt(expire, 10) : NaN;
  if (Number.isFinite(seconds)) return new Date(seconds * 1000);
  try {
    const document: unknown = JSON.parse(atob(policy));
    const date = new Date(textOf(document as Record<string, unknown>, "expiration"));
    return Number.isNaN(date.getTime()) ? null : date;
  } catch {
    return null;
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null) return json as Record<string, unknown>;
  } catch {
    // Not JSON: the same answer as JSON that is not an object.
  }
  throw new PolicyError("unusable", text.slice(0, 300));
}

function textOf(json: Record<string, unknown>, member: string): string {
  const value = json[member];
  return typeof value === "string" ? value : "";
}

/** The `message` of `{"error":{"message":…}}`, or the text itself where it is another shape. */
function readErrorMessage(text: string): string | null {
  try {
    const json = JSON.parse(text) as { error?: { message?: unknown } } | null;
    const message = json?.error?.message;
    if (typeof message === "string") return message;
  } catch {
    // Not JSON; shown as it came.
  }
  return text.trim() === "" ? null : text.trim().slice(0, 300);
}
