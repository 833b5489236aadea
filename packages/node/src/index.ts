/**
 * Direct uploads to Alibaba Cloud OSS or upcall, the application server's half: sign a policy for the
 * page, verify the callback of the storage server.
 *
 * The vocabulary is that of the crate `upcall` and of the Python package.
 */
export { Binding, BindingError, type BoundUpload, type Permission } from "./binding.js";
export {
  type CallbackBodyType,
  CallbackParameter,
  type CallbackParameterOptions,
} from "./callbackParameter.js";
export { type HeadResponse, presignHead, type SaidOfUpload, uploadMismatch } from "./headCheck.js";
export { type CallbackHeaders } from "./headers.js";
export {
  FetchedPublicKeys,
  type FetchedPublicKeysOptions,
  type PublicKeySource,
} from "./publicKeys.js";
export { PublicKey } from "./publicKey.js";
export { PublicKeyUrls } from "./publicKeyUrls.js";
export { type Condition, PolicyBuilder, PolicyDocument } from "./policy.js";
export { BodyAlreadyReadError, BodyTooLargeError, readRawBody } from "./rawBody.js";
export {
  type AccessKey,
  type PolicyAnswerV1,
  type PolicyAnswerV4,
  SignedPolicy,
  type V4Signer,
} from "./signedPolicy.js";
export {
  type CallbackRequest,
  CallbackVerifier,
  type CallbackVerifierOptions,
  // As a type: none but the verifier makes one.
  type VerifiedCallback,
} from "./verifier.js";
export {
  type BindingErrorCode,
  type CheckedPart,
  VerifyError,
  type VerifyErrorCode,
} from "./verifyError.js";
