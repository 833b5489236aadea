/**
 * For tests of applications: a client that signs callbacks with a key of its own, without a storage
 * server; and upcall itself, with a bucket for each test.
 */
export type { Answer } from "./rawRequest.js";
export {
  type CallbackBody,
  CallbackClient,
  type CallbackClientOptions,
  type SignedCallback,
  type SignOptions,
  type Tamper,
} from "./client.js";
export { AdminError } from "./admin.js";
export type { CorsRule, Fault, PolicyAnswer, TestBucket, Upload, UploadAnswer } from "./bucket.js";
export type { RecordedCallback } from "./recordedCallback.js";
export { UpcallServer, type UpcallServerOptions } from "./server.js";
