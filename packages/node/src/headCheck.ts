/**
 * Is the object there, as the callback says? A HEAD request, for applications that a binding is not
 * enough for: it proves that an upload was permitted, not that it happened.
 *
 * Source: OSS, "Signature version 4: in a URL".
 */
import { createHash, createHmac } from "node:crypto";

import type { V4Signer } from "./signedPolicy.js";

/** What a verified callback says of its object. */
export interface SaidOfUpload {
  readonly size: number;
  readonly etag: string;
}

/** What there must be of a response; that of `fetch` has it. */
export interface HeadResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/**
 * An address to send HEAD to, signed with V4 and good for a minute. The request follows no redirects.
 *
 * @param object `host` is the bucket's address, as in a signed policy.
 */
export function presignHead(
  signer: V4Signer,
  object: { readonly host: string; readonly bucket: string; readonly key: string },
): string {
  const { accessKeyId, accessKeySecret, region, securityToken } = signer;
  const date = (signer.now ?? new Date()).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = [date.slice(0, 8), region, "oss", "aliyun_v4_request"];
  const query = [
    ["x-oss-credential", [accessKeyId, ...scope].join("/")],
    ["x-oss-date", date],
    ["x-oss-expires", String(EXPIRES_SECONDS)],
    ...(securityToken ? [["x-oss-security-token", securityToken]] : []),
    ["x-oss-signature-version", "OSS4-HMAC-SHA256"],
  ];
  const parameters = query.map((pair) => pair.map(encoded).join("=")).join("&");
  const key = encoded(object.key).replaceAll("%2F", "/");
  const request = `HEAD\n/${encoded(object.bucket)}/${key}\n${parameters}\n\n\nUNSIGNED-PAYLOAD`;
  const digest = createHash("sha256").update(request).digest("hex");
  const signing = scope.reduce<string | Buffer>(
    (secret, text) => createHmac("sha256", secret).update(text).digest(),
    `aliyun_v4${accessKeySecret}`,
  );
  const text = ["OSS4-HMAC-SHA256", date, scope.join("/"), digest].join("\n");
  const signature = createHmac("sha256", signing).update(text).digest("hex");
  return `${object.host.replace(/\/$/, "")}/${key}?${parameters}&x-oss-signature=${signature}`;
}

/** What is not as the callback said, in a sentence; `undefined` if all is. */
export function uploadMismatch(response: HeadResponse, said: SaidOfUpload): string | undefined {
  if (response.status === 404) return "there is no such object";
  if (response.status !== 200) return `the storage server answered ${response.status}`;
  const length = response.headers.get("content-length");
  if (length !== String(said.size)) return "the object has another size";
  const etag = response.headers.get("etag")?.replace(/^"(.*)"$/, "$1");
  return etag?.toUpperCase() === said.etag.toUpperCase()
    ? undefined
    : "the object has another ETag";
}

/** All but letters, digits and `-._~`, in upper-case hex. */
function encoded(text: string): string {
  const hex = (character: string): string =>
    `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, hex);
}

const EXPIRES_SECONDS = 60;
