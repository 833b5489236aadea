/** The form, in the order of the official sample pages; `file` is last, nothing after it is read. */
import type { SignedPolicy } from "./policy.ts";

/** V4's page sends the key after this field; V1's sends it first. */
const BEFORE_KEY = "x-oss-date";

/**
 * Every field but the file, in order.
 *
 * `more` are fields of one's own (`x:…` for the callback, `x-oss-forbid-overwrite`, …): OSS takes
 * fields that no condition of the policy names.
 */
export function formFields(
  signed: SignedPolicy,
  key: string,
  more: Readonly<Record<string, string>> = {},
): [name: string, value: string][] {
  // The server takes names in any case, and of two fields with one name it may take either.
  const taken = ["key", "file", ...Object.keys(signed.fields)].map((name) => name.toLowerCase());
  for (const name of Object.keys(more)) {
    if (taken.includes(name.toLowerCase())) throw new TypeError(`field \`${name}\` is in the form already`);
  }
  const fields = Object.entries(signed.fields);
  const at = 1 + fields.findIndex(([name]) => name === BEFORE_KEY);
  return [...fields.slice(0, at), ["key", key], ...fields.slice(at), ...Object.entries(more)];
}

/** The whole form. `fileName` is what the storage server puts in place of `${filename}`. */
export function buildForm(fields: readonly (readonly [string, string])[], file: Blob, fileName: string): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  form.append("file", file, fileName);
  return form;
}

/** What a file is called where nobody says it: a `File` has a name, any other `Blob` has none. */
export function fileNameOf(file: Blob): string {
  return file instanceof File ? file.name : "file";
}
