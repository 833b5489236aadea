/** One file, posted once to where a signed policy allows it. */
import { buildForm, fileNameOf, formFields } from "./form.ts";
import { type Outcome, outcomeOfError, readOutcome } from "./outcome.ts";
import type { SignedPolicy } from "./policy.ts";
import { type SendOptions, sendForm } from "./send.ts";

export interface PostOptions extends SendOptions {
  /** In place of the file's own name. */
  fileName?: string;
  /** Fields of one's own, sent before the file. */
  fields?: Readonly<Record<string, string>>;
}

/**
 * Posts the file under `key` and says how it ended; rejects only when it was cancelled.
 *
 * `uploadFile` does more: it names the file, renews the policy and sends again.
 */
export async function postForm(
  signed: SignedPolicy,
  key: string,
  file: Blob,
  options: PostOptions = {},
): Promise<Outcome> {
  const fields = formFields(signed, key, options.fields);
  const form = buildForm(fields, file, options.fileName ?? fileNameOf(file));
  try {
    return readOutcome(await sendForm(signed.host, form, options));
  } catch (error) {
    options.signal?.throwIfAborted();
    return outcomeOfError(error);
  }
}
