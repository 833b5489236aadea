/**
 * The signed policy: asked of the application server, kept while it is good, renewed in time.
 *
 * In: the documented JSON of either generation. V1: `accessid host policy signature expire callback
 * dir`. V4: `policy version x_oss_credential x_oss_date signature security_token dir host callback`,
 * where some samples say `x_oss_signature_version` for `version`. Out: {@link SignedPolicy}, or a
 * {@link PolicyError} that says which part of the asking went wrong.
 */

/**
 * What the application server signed: where to post, and which fields to post, as they are.
 *
 * The page adds the `key` and the file, and changes nothing; the storage server would refuse it.
 */
export interface SignedPolicy {
  version: "V1" | "V4";
  /** The form's action: the bucket's address. */
  host: string;
  /** Every key must begin with this. */
  dir: string;
  /** In the order in which the official sample pages send them; `key` and `file` are not in it. */
  fields: Readonly<Record<string, string>>;
  /** `null` if the answer does not say: such a policy serves one file. */
  expiresAt: Date | null;
}

/** Why there is no policy. */
export class PolicyError extends Error {
  readonly reason: "unreachable" | "refused" | "unusable";
  /** What the application server said, if it said anything. */
  readonly words: string | null;
  /** Its status, if it refused. */
  readonly status: number | null;

  constructor(reason: PolicyError["reason"], words: string | null, status: number | null = null) {
    super(words ?? reason);
    this.name = "PolicyError";
    this.reason = reason;
    this.words = words;
    this.status = status;
  }
}

/** A policy that has less time than this left is asked for anew. */
export const RENEW_BEFORE_MS = 3_000;

/** How long the application server may take to sign a policy. */
const ASK_LIMIT_MS = 15_000;

/** A policy has one or two kilobytes; what is longer is something else. */
const MOST_ANSWER_BYTES = 1_048_576;

/** Hands out a good policy, and asks for one only when it must. */
export class PolicySource {
  readonly #ask: () => Promise<SignedPolicy>;
  readonly #now: () => number;
  #held: SignedPolicy | null = null;
  #asking: Promise<SignedPolicy> | null = null;

  /** `ask` is the application server's address, or what asks it in the application's own way. */
  constructor(ask: string | (() => Promise<SignedPolicy>), now: () => number = Date.now) {
    this.#ask = typeof ask === "string" ? () => getPolicy(ask) : ask;
    this.#now = now;
  }

  /** Files that start together share one question. */
  async current(): Promise<SignedPolicy> {
    if (this.#held !== null && this.#isGood(this.#held)) return this.#held;
    this.#asking ??= this.#ask().finally(() => {
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
    return policy.expiresAt !== null && policy.expiresAt.getTime() - this.#now() >= RENEW_BEFORE_MS;
  }
}

/** Asks the application server at `url`. */
export async function getPolicy(url: string): Promise<SignedPolicy> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      headers: { accept: "application/json" },
      cache: "no-store",
      signal: AbortSignal.timeout(ASK_LIMIT_MS),
    });
    text = await textUpTo(response, MOST_ANSWER_BYTES);
  } catch {
    throw new PolicyError("unreachable", null);
  }
  if (!response.ok) {
    throw new PolicyError("refused", readErrorMessage(text), response.status);
  }
  return parsePolicy(text);
}

/** The answer's beginning, if there is more of it: then it is no JSON, and said to be unusable. */
async function textUpTo(response: Response, mostBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    text += decoder.decode(value, { stream: true });
    if (bytes > mostBytes) {
      await reader.cancel();
      return text;
    }
  }
}

/**
 * Reads the application server's answer.
 *
 * Its content type is not looked at (the official samples send several), and its members may come
 * in any order.
 */
export function parsePolicy(text: string): SignedPolicy {
  const json = parseObject(text);
  const member = (name: string): string => textOf(json, name);
  const needed = (name: string): string => {
    if (member(name) === "") throw new PolicyError("unusable", text.slice(0, 300));
    return member(name);
  };
  const unlessEmpty = (field: string, name: string): Record<string, string> =>
    member(name) === "" ? {} : { [field]: member(name) };
  // Empty is what the samples answer for a permanent access key.
  const token = unlessEmpty("x-oss-security-token", "security_token");
  const callback = unlessEmpty("callback", "callback");
  const host = needed("host");
  if (!isWebAddress(host)) throw new PolicyError("unusable", text.slice(0, 300));
  const policy = needed("policy");
  const dir = member("dir");

  if (member("x_oss_credential") === "") {
    const fields = {
      policy,
      OSSAccessKeyId: needed("accessid"),
      success_action_status: "200",
      ...token,
      ...callback,
      signature: needed("signature"),
    };
    return { version: "V1", host, dir, fields, expiresAt: secondsOf(json["expire"]) ?? expirationOf(policy) };
  }
  const fields = {
    success_action_status: "200",
    policy,
    "x-oss-signature": needed("signature"),
    "x-oss-signature-version": member("version") || needed("x_oss_signature_version"),
    "x-oss-credential": needed("x_oss_credential"),
    "x-oss-date": needed("x_oss_date"),
    ...token,
    ...callback,
  };
  return { version: "V4", host, dir, fields, expiresAt: expirationOf(policy) };
}

/**
 * Nothing else is a form's action: without its scheme the address would be taken for a path of this
 * page, and `javascript:` for a program.
 */
function isWebAddress(host: string): boolean {
  try {
    return /^(https?:\/)?\//i.test(host) && new URL(host, "http://page/").hostname !== "";
  } catch {
    return false;
  }
}

/** `expire` is a number in most samples and text in the Java one: Unix seconds either way. */
function secondsOf(expire: unknown): Date | null {
  const seconds =
    typeof expire === "number" ? expire : typeof expire === "string" ? Number.parseInt(expire, 10) : NaN;
  return Number.isFinite(seconds) ? new Date(seconds * 1000) : null;
}

/** The policy's own `expiration`. */
function expirationOf(policy: string): Date | null {
  try {
    // `\$` is the policies' way to write a dollar, and not JSON's; it changes no expiration.
    const text = atob(policy).replace(/\\(\\|\$)/g, (escape) => (escape === "\\$" ? "$" : escape));
    const document: unknown = JSON.parse(text);
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
