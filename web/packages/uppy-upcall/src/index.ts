/**
 * Direct upload to OSS, or to upcall, from a page: the core, without any framework.
 *
 * The way of a file: a signed policy from the application server (`policy.ts`), a name in the bucket
 * (`objectKey.ts`), the form (`postObject.ts`), how it ended (`outcome.ts`); `upload.ts` puts them
 * together.
 */
export * from "./objectKey.ts";
export * from "./outcome.ts";
export * from "./policy.ts";
export * from "./postObject.ts";
export * from "./upload.ts";
