/** A bucket of a test's own: upload to it, wait for the callback, make things go wrong. */
import type { CallbackParameter } from "../callbackParameter.js";
import { PolicyBuilder } from "../policy.js";
import {
  type AccessKey,
  type PolicyAnswerV1,
  type PolicyAnswerV4,
  SignedPolicy,
} from "../signedPolicy.js";
import type { Admin } from "./admin.js";
import { type CallOfAdmin, RecordedCallback } from "./recordedCallback.js";

/** What application servers answer to a page; members that a sample leaves out may be missing. */
export type PolicyAnswer = Partial<PolicyAnswerV1> | Partial<PolicyAnswerV4>;

/** What to upload. */
export interface Upload {
  /** The object's key, `${filename}` included if need be. */
  readonly key: string;
  readonly file?: Uint8Array | string;
  /** The name that the file has on the uploader's disk. */
  readonly fileName?: string;
  readonly contentType?: string;
  /** Without `policy`: the callback to ask for. */
  readonly callback?: CallbackParameter | string;
  /** Signed, or as the application server answered it; without one, the bucket signs for itself. */
  readonly policy?: SignedPolicy | PolicyAnswer;
  /** More fields, such as `x:` variables. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** What the uploader was answered. */
export interface UploadAnswer {
  /** 203: the object is stored, and the application has not taken the callback. */
  readonly status: number;
  readonly requestId: string;
  readonly headers: Headers;
  readonly body: string;
  /** The body read as JSON: with a callback, what the application answered. */
  json(): unknown;
}

/** What goes wrong, for the next `count` calls to the application, or uploads. */
export interface Fault {
  readonly on: "call" | "upload";
  readonly kind:
    "refuse" | "slow" | "reset" | "500" | "bad-json" | "wrong-signature" | "twice" | "disk-full";
  /** For one key only. */
  readonly key?: string;
  readonly count?: number;
  readonly delayMs?: number;
}

/** A rule for pages of other origins. */
export interface CorsRule {
  readonly allowedOrigins: readonly string[];
  readonly allowedMethods: readonly string[];
  readonly allowedHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAgeSeconds?: number;
}

/** A bucket that nobody else uses. {@link UpcallServer.bucket} makes it. */
export class TestBucket implements AsyncDisposable {
  readonly #admin: Admin;
  readonly #accessKey: AccessKey;
  /** Up to which call each question has been answered: by key, or `undefined` for any. */
  readonly #answered = new Map<string | undefined, string>();
  readonly name: string;
  /** Where forms go: the setting `OSS_HOST` of an application. */
  readonly url: string;

  constructor(admin: Admin, accessKey: AccessKey, storageUrl: string, name: string) {
    this.#admin = admin;
    this.#accessKey = accessKey;
    this.name = name;
    this.url = `${storageUrl}/${name}/`;
  }

  /** Posts a form, as a page would, and gives what the page would get. */
  async upload(upload: Upload): Promise<UploadAnswer> {
    const { host, fields } = this.#form(upload);
    const form = new FormData();
    for (const [name, value] of fields) form.append(name, value);
    const type = upload.contentType ?? "application/octet-stream";
    // Last: nothing after it is read.
    form.append("file", new Blob([upload.file ?? ""], { type }), upload.fileName ?? "file");
    const response = await fetch(host, {
      method: "POST",
      body: form,
      redirect: "manual",
      signal: AbortSignal.timeout(UPLOAD_TIMEOUT_MS),
    });
    const body = await response.text();
    const requestId = response.headers.get("x-oss-request-id") ?? "";
    return {
      status: response.status,
      requestId,
      headers: response.headers,
      body,
      json: () => JSON.parse(body),
    };
  }

  #form(upload: Upload): { host: string; fields: [string, string][] } {
    const signed = upload.policy ?? this.#sign(upload);
    const isSigned = signed instanceof SignedPolicy;
    const host = isSigned ? signed.toJSON().host : signed.host;
    const fields = isSigned ? signed.fields() : fieldsOf(signed);
    fields.unshift(["key", upload.key], ...Object.entries(upload.fields ?? {}));
    return { host: host || this.url, fields };
  }

  #sign(upload: Upload): SignedPolicy {
    const policy = new PolicyBuilder(new Date(Date.now() + 60_000)).bucket(this.name).build();
    const signed = SignedPolicy.v1(this.#accessKey, policy).host(this.url);
    return upload.callback === undefined ? signed : signed.callback(upload.callback);
  }

  /**
   * The next call that has ended, agreed to or not: the first one that this method has not given for
   * this `key` (or without one) before. A call that ended before it was waited for is not missed.
   *
   * Rejects if none comes in time.
   */
  async waitForCallback({
    key,
    timeoutMs = 5_000,
  }: { key?: string; timeoutMs?: number } = {}): Promise<RecordedCallback> {
    const until = Date.now() + timeoutMs;
    for (let left = timeoutMs; left > 0; left = until - Date.now()) {
      const round = Math.min(left, MAX_ROUND_MS);
      const found = (await this.#admin.ask("GET", "/v1/callbacks/next", {
        query: {
          bucket: this.name,
          key,
          after: this.#answered.get(key) ?? FIRST,
          timeout: `${Math.ceil(round)}ms`,
        },
        timeoutMs: round + 5_000,
      })) as { id: string } | undefined;
      if (found !== undefined) {
        this.#answered.set(key, found.id);
        return this.#recorded(found.id);
      }
    }
    const what = key === undefined ? "" : ` for \`${key}\``;
    throw new Error(`no callback${what} from bucket \`${this.name}\` within ${timeoutMs} ms`);
  }

  /** The calls of this bucket that are recorded, the oldest first. */
  async callbacks({ key, status }: { key?: string; status?: number } = {}): Promise<
    RecordedCallback[]
  > {
    const query = { bucket: this.name, key, status: status?.toString(), limit: "1000" };
    const { calls } = (await this.#admin.ask("GET", "/v1/callbacks", { query })) as {
      calls: { id: string }[];
    };
    return Promise.all(calls.map(({ id }) => this.#recorded(id)));
  }

  async #recorded(id: string): Promise<RecordedCallback> {
    return new RecordedCallback(
      (await this.#admin.ask("GET", `/v1/callbacks/${id}`)) as CallOfAdmin,
    );
  }

  /** Makes something go wrong in this bucket; gives the fault's id. */
  async fault(fault: Fault): Promise<string> {
    const body = { bucket: this.name, count: 1, ...fault };
    const { id } = (await this.#admin.ask("POST", "/v1/faults", { body })) as { id: string };
    return id;
  }

  /** Lets pages of other origins use the bucket. */
  async cors(...rules: CorsRule[]): Promise<void> {
    const whole = rules.map((rule) => ({
      allowedHeaders: [],
      exposeHeaders: [],
      maxAgeSeconds: 600,
      ...rule,
    }));
    await this.#admin.ask("PUT", `/v1/buckets/${this.name}/cors`, {
      body: { rules: whole, responseVary: true },
    });
  }

  /** Forgets objects, recorded calls, owed calls and faults. */
  async wipe(): Promise<void> {
    await this.#admin.ask("DELETE", `/v1/buckets/${this.name}/contents`);
  }

  /** Wipes and deletes it. */
  async remove(): Promise<void> {
    await this.wipe();
    await this.#admin.ask("DELETE", `/v1/buckets/${this.name}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }
}

/** The form that a page makes of either generation's answer. */
function fieldsOf(answer: PolicyAnswer): [string, string][] {
  const known = answer as Partial<PolicyAnswerV1 & PolicyAnswerV4>;
  const named: [string, string | undefined][] =
    known.x_oss_credential === undefined
      ? [
          ["OSSAccessKeyId", known.accessid],
          ["signature", known.signature],
        ]
      : [
          ["x-oss-signature", known.signature],
          ["x-oss-signature-version", known.x_oss_signature_version ?? known.version],
          ["x-oss-credential", known.x_oss_credential],
          ["x-oss-date", known.x_oss_date],
          ["x-oss-security-token", known.security_token],
        ];
  const all: [string, string | undefined][] = [
    ["success_action_status", "200"],
    ["policy", known.policy],
    ...named,
    ["callback", known.callback],
  ];
  return all.filter((field): field is [string, string] => Boolean(field[1]));
}

/** Sorts before every id. */
const FIRST = "0000000000000000";
/** Below the 60 seconds that the server waits at most. */
const MAX_ROUND_MS = 50_000;
/** Five addresses of a callback may take five seconds each. */
const UPLOAD_TIMEOUT_MS = 60_000;
