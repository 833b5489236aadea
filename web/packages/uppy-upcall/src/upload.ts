/**
 * One file, from the question for a policy to the application's answer.
 *
 * Without any framework: the Uppy plugin is one user of it.
 */
import { type Naming, keyFor } from "./objectKey.ts";
import { type Outcome, outcomeOfError, readOutcome } from "./outcome.ts";
import type { PolicySource } from "./policy.ts";
import { type PostOptions, buildForm, postObject } from "./postObject.ts";

export interface UploadFile {
  data: Blob;
  name: string;
}

/**
 * Resolves with how it ended; rejects only when it was cancelled.
 *
 * A policy that the storage server calls expired is asked for anew, once: the clocks of browser and
 * server may differ, and a second refusal means that waiting will not mend it.
 */
export async function uploadFile(
  file: UploadFile,
  naming: Naming,
  policies: PolicySource,
  options: PostOptions = {},
  post: typeof postObject = postObject,
): Promise<Outcome> {
  let outcome = await attempt();
  if (outcome.kind === "refused" && outcome.reason === "policyExpired") outcome = await attempt();
  return outcome;

  async function attempt(): Promise<Outcome> {
    try {
      const signed = await policies.current();
      options.signal?.throwIfAborted();
      const form = buildForm(signed, keyFor(naming, signed.dir, file.name), file.data, file.name);
      const result = readOutcome(await post(signed.url, form, options));
      if (result.kind === "refused" && result.reason === "policyExpired") policies.discard(signed);
      return result;
    } catch (error) {
      options.signal?.throwIfAborted();
      return outcomeOfError(error);
    }
  }
}
