/**
 * A signed policy: what an application server hands to a page, and the page sends along with the
 * file.
 *
 * Source: OSS, "Obtain signature information from the server and upload data to OSS", in its two
 * generations (V1, and V4 since 2024).
 */
import { createHmac } from "node:crypto";

import type { CallbackParameter } from "./callbackParameter.js";
import { type Condition, PolicyDocument } from "./policy.js";

/** Who signs. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
}

/** Who signs with V4, where and when it is good, and the token that a temporary access key has. */
export interface V4Signer extends AccessKey {
  /** The storage server's region, such as `cn-hangzhou`. */
  readonly region: string;
  /** The token of a temporary access key. */
  readonly securityToken?: string | undefined;
  /** The present time. The signature is good for seven days from it, the policy until it expires. */
  readonly now?: Date;
}

/** What pages of the first generation know. */
export interface PolicyAnswerV1 {
  accessid: string;
  host: string;
  policy: string;
  signature: string;
  /** Unix seconds. */
  expire: number;
  callback?: string;
  dir: string;
}

/** What pages of the second generation know; samples differ in the name of the version. */
export interface PolicyAnswerV4 {
  policy: string;
  x_oss_signature_version: string;
  version: string;
  x_oss_credential: string;
  x_oss_date: string;
  signature: string;
  /** Empty for a permanent access key. */
  security_token: string;
  host: string;
  callback?: string;
  dir: string;
}

type Signature =
  | { version: "V1"; accessKeyId: string; signature: string }
  | {
      version: "V4";
      credential: string;
      date: string;
      signature: string;
      securityToken: string | undefined;
    };

/**
 * A policy, its signature and what a page needs beside them. Whoever holds it may upload what the
 * policy allows until it expires.
 */
export class SignedPolicy<
  Answer extends PolicyAnswerV1 | PolicyAnswerV4 = PolicyAnswerV1 | PolicyAnswerV4,
> {
  // Private, so that no log that prints the object shows policy or signature.
  readonly #policy: string;
  readonly #signature: Signature;
  readonly #fields: [string, string][] = [];
  readonly #expiration: Date;
  #host = "";
  #dir = "";
  #callback: string | undefined;

  private constructor(policy: string, expiration: Date, signature: Signature) {
    this.#policy = policy;
    this.#expiration = expiration;
    this.#signature = signature;
  }

  /**
   * Signs with V1. The token of a temporary access key is one more {@link field},
   * `x-oss-security-token`.
   */
  static v1(signer: AccessKey, policy: PolicyDocument): SignedPolicy<PolicyAnswerV1> {
    checkText(signer, ["accessKeyId", "accessKeySecret"]);
    const encoded = policy.encode();
    const signature = createHmac("sha1", signer.accessKeySecret).update(encoded).digest("base64");
    return new SignedPolicy(encoded, policy.expiration, {
      version: "V1",
      accessKeyId: signer.accessKeyId,
      signature,
    });
  }

  /**
   * Signs with V4. The conditions that V4 demands (signature version, credential, date and token) are
   * added to the policy.
   */
  static v4(signer: V4Signer, policy: PolicyDocument): SignedPolicy<PolicyAnswerV4> {
    checkText(signer, ["accessKeyId", "accessKeySecret", "region"]);
    const { accessKeyId, accessKeySecret, region, securityToken } = signer;
    const date = (signer.now ?? new Date()).toISOString().replace(/[-:]|\.\d+/g, "");
    const day = date.slice(0, 8);
    const credential = `${accessKeyId}/${day}/${region}/oss/aliyun_v4_request`;
    const bound: Condition[] = [
      { operator: "eq", field: SIGNATURE_VERSION, value: V4 },
      { operator: "eq", field: CREDENTIAL, value: credential },
      { operator: "eq", field: DATE, value: date },
    ];
    if (securityToken) bound.push({ operator: "eq", field: SECURITY_TOKEN, value: securityToken });
    const encoded = new PolicyDocument(policy.expiration, [
      ...policy.conditions,
      ...bound,
    ]).encode();
    const key = [day, region, "oss", "aliyun_v4_request"].reduce<string | Buffer>(
      (key, text) => createHmac("sha256", key).update(text).digest(),
      `aliyun_v4${accessKeySecret}`,
    );
    const signature = createHmac("sha256", key).update(encoded).digest("hex");
    return new SignedPolicy(encoded, policy.expiration, {
      version: "V4",
      credential,
      date,
      signature,
      securityToken,
    });
  }

  /** Where the form goes: `https://BUCKET.ENDPOINT`, or whatever addresses the bucket. */
  host(host: string): this {
    this.#host = host;
    return this;
  }

  /** What the page begins its keys with. The policy must allow it; nothing here adds a condition. */
  dir(dir: string): this {
    this.#dir = dir;
    return this;
  }

  /**
   * The callback parameter, or its base64. A page can leave it out unless the policy binds
   * `callback`.
   */
  callback(callback: CallbackParameter | string): this {
    this.#callback = typeof callback === "string" ? callback : callback.encode();
    return this;
  }

  /** One more field of the form, before those of the signature. */
  field(name: string, value: string): this {
    this.#fields.push([name, value]);
    return this;
  }

  /** The base64 text of the policy. */
  get policy(): string {
    return this.#policy;
  }

  /** When the policy expires. */
  get expiration(): Date {
    return new Date(this.#expiration);
  }

  /**
   * The fields of the form, in the order to send them in; `key` (unless it was given) and `file` come
   * after them.
   */
  fields(): [string, string][] {
    const fields: [string, string][] = [...this.#fields, ["policy", this.#policy]];
    const signature = this.#signature;
    if (signature.version === "V1") {
      fields.push(["OSSAccessKeyId", signature.accessKeyId], ["Signature", signature.signature]);
    } else {
      fields.push(
        ["x-oss-signature", signature.signature],
        [SIGNATURE_VERSION, V4],
        [CREDENTIAL, signature.credential],
        [DATE, signature.date],
      );
      if (signature.securityToken) fields.push([SECURITY_TOKEN, signature.securityToken]);
    }
    if (this.#callback !== undefined) fields.push(["callback", this.#callback]);
    return fields;
  }

  /**
   * The answer to the page, as the samples give it: `accessid host policy signature expire callback
   * dir` for V1, the newer members for V4. `callback` is left out if there is none.
   *
   * `JSON.stringify` and every framework's way to answer JSON call this.
   */
  toJSON(): Answer {
    const callback = this.#callback === undefined ? {} : { callback: this.#callback };
    const signature = this.#signature;
    const answer: PolicyAnswerV1 | PolicyAnswerV4 =
      signature.version === "V1"
        ? {
            accessid: signature.accessKeyId,
            host: this.#host,
            policy: this.#policy,
            signature: signature.signature,
            expire: Math.floor(this.#expiration.getTime() / 1000),
            ...callback,
            dir: this.#dir,
          }
        : {
            policy: this.#policy,
            x_oss_signature_version: V4,
            version: V4,
            x_oss_credential: signature.credential,
            x_oss_date: signature.date,
            signature: signature.signature,
            security_token: signature.securityToken ?? "",
            host: this.#host,
            ...callback,
            dir: this.#dir,
          };
    return answer as Answer;
  }
}

/** An environment variable that is not set would sign with the key `undefined`. */
function checkText<Member extends string>(
  signer: Record<Member, unknown>,
  members: Member[],
): void {
  for (const member of members) {
    if (typeof signer[member] !== "string" || signer[member] === "") {
      throw new TypeError(`\`${member}\` of the signer is missing or empty`);
    }
  }
}

const V4 = "OSS4-HMAC-SHA256";
const SIGNATURE_VERSION = "x-oss-signature-version";
const CREDENTIAL = "x-oss-credential";
const DATE = "x-oss-date";
const SECURITY_TOKEN = "x-oss-security-token";
