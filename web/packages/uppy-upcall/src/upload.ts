/**
 * One file, from the question for a policy to the application's answer, sent again where that is
 * safe.
 *
 * A form that nobody answered may have arrived, so whatever is sent again is the same upload: the
 * same key, and the same idempotency key, under which upcall gives the first answer once more and
 * does not call the application a second time. OSS ignores that field, as every field that no
 * condition names; there the object is written over by the same bytes, and the application may hear
 * of it twice.
 */
import { buildForm, fileNameOf, formFields } from "./form.ts";
import { type Naming, nameFor } from "./objectKey.ts";
import { type Outcome, outcomeOfError, readOutcome, retryAfterOf } from "./outcome.ts";
import { PolicyError, type PolicySource, type SignedPolicy } from "./policy.ts";
import type { PostOptions } from "./postForm.ts";
import { NoAnswer, sendForm } from "./send.ts";

export interface UploadOptions extends PostOptions {
  /** What the object is called below the policy's directory: by default as the file. */
  naming?: Naming;
  /** How often it is tried again after the first time: 2, unless you say otherwise. */
  retries?: number;
}

/** What lies outside of this file; tests bring their own. */
export interface Outside {
  send: typeof sendForm;
  wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** As `Math.random`. */
  random: () => number;
}

/** One attempt's end. */
interface Attempt {
  outcome: Outcome;
  signed: SignedPolicy | null;
  /** May it be made again, and after how long at least? `null`: it may not. */
  againAfterMs: number | null;
}

const RETRIES = 2;

/** The first wait; each further one is twice as long, and a quarter more or less. */
const FIRST_WAIT_MS = 1_000;

/** A server that asks for more patience than this gets none: the person decides. */
const LONGEST_WAIT_MS = 30_000;

/** Resolves with how it ended; rejects only when it was cancelled. */
export async function uploadFile(
  file: Blob,
  policies: PolicySource,
  options: UploadOptions = {},
  outside: Outside = BROWSER,
): Promise<Outcome> {
  const { signal, retries = RETRIES } = options;
  const fileName = options.fileName ?? fileNameOf(file);
  const name = nameFor(options.naming ?? "keep", fileName);
  const more = { "idempotency-key": randomId(), ...options.fields };
  /** Where the file may lie already, without us having been told. */
  let doubtful: { host: string; key: string; outcome: Outcome } | null = null;
  let isRenewed = false;

  for (let again = 0; ; ) {
    const attempt = await tryOnce();
    const { outcome, signed, againAfterMs } = attempt;
    // Once, at once, and not as a retry: the clocks of browser and server may differ, and a second
    // refusal means that waiting will not mend it.
    if (outcome.kind === "refused" && outcome.reason === "policyExpired" && signed !== null) {
      policies.discard(signed);
      if (!isRenewed) {
        isRenewed = true;
        continue;
      }
    }
    if (againAfterMs === null || againAfterMs > LONGEST_WAIT_MS || !(again < retries)) return outcome;
    const backOff = Math.min(FIRST_WAIT_MS * 2 ** again, LONGEST_WAIT_MS) * (0.75 + outside.random() / 2);
    await outside.wait(Math.max(againAfterMs, backOff), signal);
    again += 1;
  }

  async function tryOnce(): Promise<Attempt> {
    let signed: SignedPolicy | null = null;
    try {
      signal?.throwIfAborted();
      signed = await unlessAborted(policies.current(), signal);
      const key = signed.dir + name;
      if (doubtful !== null && (doubtful.host !== signed.host || doubtful.key !== key)) {
        return { outcome: doubtful.outcome, signed, againAfterMs: null }; // a second object, perhaps
      }
      const form = buildForm(formFields(signed, key, more), file, fileName);
      return await post(signed, key, form);
    } catch (error) {
      signal?.throwIfAborted();
      return { outcome: outcomeOfError(error), signed, againAfterMs: mayAskAgain(error) ? 0 : null };
    }
  }

  async function post(signed: SignedPolicy, key: string, form: FormData): Promise<Attempt> {
    try {
      const answer = await outside.send(signed.host, form, options);
      const outcome = readOutcome(answer);
      if (doubtful !== null && outcome.kind === "refused" && outcome.reason === "exists") {
        // What is there is most likely this file, from the time that nobody answered.
        return { outcome: doubtful.outcome, signed, againAfterMs: null };
      }
      const isFault = FAULTS.includes(answer.status);
      if (isFault) doubtful = { host: signed.host, key, outcome };
      return { outcome, signed, againAfterMs: isFault ? (retryAfterOf(answer) ?? 0) : null };
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      const outcome = outcomeOfError(error);
      doubtful = { host: signed.host, key, outcome };
      return { outcome, signed, againAfterMs: 0 };
    }
  }
}

/** Other files may wait for the same question: it goes on, and only this file's waiting ends. */
function unlessAborted<Value>(question: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return question;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    question.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** The server's or a proxy's trouble. Every other answer is one: 4xx and 203 are never asked again. */
const FAULTS = [500, 502, 503, 504];

/** A question for a policy changes nothing, so it may be asked again if nobody has said no. */
function mayAskAgain(error: unknown): boolean {
  if (!(error instanceof PolicyError)) return false;
  return error.reason === "unreachable" || FAULTS.includes(error.status ?? 0);
}

/** Not `crypto.randomUUID`, which a page on plain `http` (a phone in the local network) has not. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const BROWSER: Outside = {
  send: sendForm,
  random: Math.random,
  wait: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
    }),
};
