/**
 * Direct upload to OSS, or to upcall, from a page: the core, without any framework.
 *
 * The way of a file: a signed policy from the application server (`policy.ts`), a name in the bucket
 * (`objectKey.ts`), the form (`form.ts`), its sending (`send.ts`), how it ended (`outcome.ts`).
 * `postForm.ts` does it once, `upload.ts` with all care.
 */
export { formFields } from "./form.ts";
export { type Naming, RANDOM_ALPHABET, nameFor, suffixOf } from "./objectKey.ts";
export {
  type Outcome,
  type Reason,
  type ServerWords,
  isFinal,
  outcomeOfError,
  readOutcome,
} from "./outcome.ts";
export { PolicyError, PolicySource, RENEW_BEFORE_MS, type SignedPolicy, getPolicy, parsePolicy } from "./policy.ts";
export { type PostOptions, postForm } from "./postForm.ts";
export { type Answer, NoAnswer, type SendOptions, sendForm } from "./send.ts";
export { type UploadOptions, uploadFile } from "./upload.ts";
