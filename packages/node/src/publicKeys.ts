/**
 * Where the verifier has its keys from: fetched once, and looked at again when a signature does not fit,
 * once a minute at most.
 *
 * Whoever sends requests can name any address below the listed ones, so everything here is bounded:
 * time, bytes, fetches at once, keys and failures kept.
 */
import { PublicKey } from "./publicKey.js";

/** Gives the key of an address. The verifier has judged the address before. */
export interface PublicKeySource {
  publicKey(url: string): Promise<PublicKey>;
  /**
   * The key that lies at the address now, if it is another than `stale`, by which a signature did not
   * fit. Forgeries lead here, too, so a source must not fetch each time.
   */
  renewedKey?(url: string, stale: PublicKey): Promise<PublicKey | undefined>;
}

/** How {@link FetchedPublicKeys} fetches. */
export interface FetchedPublicKeysOptions {
  /** Instead of the global `fetch`, for a proxy or a test. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** The present time in milliseconds. */
  readonly now?: () => number;
}

/** Fetches keys, and keeps them. A server that was set up anew has another key under the old address. */
export class FetchedPublicKeys implements PublicKeySource {
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly #now: () => number;
  readonly #keys = new Map<string, { key: PublicKey; askedAt: number }>();
  readonly #failures = new Map<string, { error: unknown; until: number }>();
  readonly #underWay = new Map<string, Promise<PublicKey>>();

  constructor(options: FetchedPublicKeysOptions = {}) {
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#now = options.now ?? Date.now;
  }

  /** The key; concurrent requests share one fetch. Rejects if there is none to be had. */
  async publicKey(url: string): Promise<PublicKey> {
    const known = this.#keys.get(url);
    if (known !== undefined) return known.key;
    const failure = this.#failures.get(url);
    if (failure !== undefined && this.#now() < failure.until) throw failure.error;
    return this.#shared(url);
  }

  /** The key there now, asked for once a minute at most; without an answer the old one stays. */
  async renewedKey(url: string, stale: PublicKey): Promise<PublicKey | undefined> {
    const known = this.#keys.get(url);
    if (known === undefined || known.key !== stale) return known?.key;
    const isEarly = this.#now() - known.askedAt < RENEW_MS;
    if (isEarly && !this.#underWay.has(url)) return undefined;
    known.askedAt = this.#now();
    return this.#shared(url).catch(() => undefined);
  }

  async #shared(url: string): Promise<PublicKey> {
    const underWay = this.#underWay.get(url);
    if (underWay !== undefined) return underWay;
    // By host: guesses below one that does not answer must not keep the key of another from coming.
    // The list fixes the hosts, so there are few.
    const sameHost = [...this.#underWay.keys()].filter((other) => hostOf(other) === hostOf(url));
    if (sameHost.length >= MAX_UNDER_WAY) throw new Error("too many keys are being fetched");
    const fetching = this.#fetchKey(url).finally(() => this.#underWay.delete(url));
    this.#underWay.set(url, fetching);
    return fetching;
  }

  async #fetchKey(url: string): Promise<PublicKey> {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await this.#fetch(url, { redirect: "error", signal });
      const key = PublicKey.fromPem(await readText(response, signal));
      this.#failures.delete(url);
      keep(this.#keys, url, { key, askedAt: this.#now() });
      return key;
    } catch (error) {
      keep(this.#failures, url, { error, until: this.#now() + FAILURE_MS });
      throw error;
    }
  }
}

function hostOf(url: string): string | undefined {
  return url.split("/", 3)[2];
}

async function readText(response: Response, signal: AbortSignal): Promise<string> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the key's address answered with status ${response.status}`);
  }
  const reader = response.body?.getReader();
  // Node's `fetch` may have forgotten the signal once the head is there: what hands it on is
  // collected as garbage, and a body that drips is then read to its end.
  const cancel = (): void => void reader?.cancel().catch(() => undefined);
  signal.addEventListener("abort", cancel);
  try {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (
      let read = await reader?.read();
      read !== undefined && !read.done;
      read = await reader?.read()
    ) {
      length += read.value.length;
      if (length > MAX_BYTES)
        throw new Error(`the key's address answered with more than ${MAX_BYTES} bytes`);
      pieces.push(read.value);
    }
    signal.throwIfAborted();
    return Buffer.concat(pieces).toString("latin1");
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** The oldest one makes room. */
function keep<Value>(values: Map<string, Value>, url: string, value: Value): void {
  values.delete(url);
  const oldest = values.size >= MAX_KEPT ? values.keys().next() : undefined;
  if (oldest !== undefined && !oldest.done) values.delete(oldest.value);
  values.set(url, value);
}

/** For all of it: the storage server waits for five seconds at most. */
const TIMEOUT_MS = 2_000;
/** Long enough to spare an address that is down, short enough to miss few callbacks when it is back. */
const FAILURE_MS = 3_000;
/** A key that did not fit a signature may have been replaced; forgeries must not become requests. */
const RENEW_MS = 60_000;
/** A key of 4,096 bits takes 800. */
const MAX_BYTES = 16 * 1024;
/** A receiver sees two or three keys in its life; the rest are guesses. */
const MAX_KEPT = 64;
/** From one host. */
const MAX_UNDER_WAY = 16;
