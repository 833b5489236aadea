/**
 * The signature, made where it should not be: in the browser, with the access key secret.
 *
 * In: where the bucket is and who signs. Out: what an application server would have answered, so
 * that from here on the page does what it always does. Whoever opens the page can read the secret.
 */
import { type SignedPolicy, parsePolicy } from "uppy-upcall";
import { hmac } from "./hmac";

export interface Signer {
  bucketUrl: string;
  region: string;
  accessKeyId: string;
  accessKeySecret: string;
}

export type Version = SignedPolicy["version"];

/** Where this example's files go. */
export const DIR = "examples/browser-signature/";

const VALID_MS = 300_000;

/** As in the samples of the classic walkthrough. */
const MOST_BYTES = 1_048_576_000;

export async function sign(
  version: Version,
  signer: Signer,
  now: Date = new Date(),
  subtle: SubtleCrypto | null = crypto.subtle ?? null,
): Promise<SignedPolicy> {
  const common = { host: signer.bucketUrl, dir: DIR };
  if (version === "V1") {
    const policy = encodePolicy(now, []);
    const signature = toBase64(await hmac("SHA-1", utf8(signer.accessKeySecret), utf8(policy), subtle));
    return parsePolicy(JSON.stringify({ ...common, accessid: signer.accessKeyId, policy, signature }));
  }
  const dateTime = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const date = dateTime.slice(0, 8);
  const credential = `${signer.accessKeyId}/${date}/${signer.region}/oss/aliyun_v4_request`;
  const policy = encodePolicy(now, [
    { "x-oss-signature-version": V4 },
    { "x-oss-credential": credential },
    { "x-oss-date": dateTime },
  ]);
  let key = utf8(`aliyun_v4${signer.accessKeySecret}`);
  for (const part of [date, signer.region, "oss", "aliyun_v4_request"]) {
    key = await hmac("SHA-256", key, utf8(part), subtle);
  }
  const signature = toHex(await hmac("SHA-256", key, utf8(policy), subtle));
  const v4 = { version: V4, x_oss_credential: credential, x_oss_date: dateTime };
  return parsePolicy(JSON.stringify({ ...common, ...v4, policy, signature }));
}

const V4 = "OSS4-HMAC-SHA256";

function encodePolicy(now: Date, more: readonly Record<string, string>[]): string {
  const document = {
    expiration: new Date(now.getTime() + VALID_MS).toISOString(),
    conditions: [["content-length-range", 0, MOST_BYTES], ["starts-with", "$key", DIR], ...more],
  };
  return toBase64(utf8(JSON.stringify(document)));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
