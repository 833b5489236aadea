/**
 * Sends callbacks as a storage server would, signed with a key of its own that it serves itself.
 *
 * For tests of the callback's receiver alone; nothing is stored anywhere.
 */
import {
  constants,
  createHash,
  generateKeyPair,
  type KeyObject,
  privateEncrypt,
} from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";

import { md5DigestInfo } from "../publicKey.js";
import { PublicKeyUrls } from "../publicKeyUrls.js";
import { stringToSign } from "../verifier.js";
import { type Answer, sendRaw } from "./rawRequest.js";

/** What is signed differs in this from what is sent; or the key is another than the one served. */
export type Tamper = "body" | "path" | "query" | "key";

export interface CallbackClientOptions {
  /** How many bits the key has. */
  readonly bits?: number;
}

export interface SignOptions {
  /** Makes the callback a forged one. */
  readonly tamper?: Tamper;
  /** `application/x-www-form-urlencoded`, if nothing is said. */
  readonly contentType?: string;
  /** More headers; one that the callback has already comes twice then. */
  readonly headers?: readonly (readonly [string, string])[];
}

/** What a callback says: bytes, a text, or members of a form. */
export type CallbackBody = Uint8Array | string | Readonly<Record<string, string | number>>;

/** A callback that is ready to be sent, or to be given to a verifier or a framework's own test client. */
export interface SignedCallback {
  readonly method: "POST";
  readonly target: string;
  readonly headers: [string, string][];
  readonly rawBody: Buffer;
}

/** Calls a receiver, as the storage server would. */
export class CallbackClient implements AsyncDisposable {
  readonly #server: Server;
  readonly #key: KeyObject;
  readonly #otherKey: KeyObject;
  /** Where the key is. */
  readonly keyUrl: string;

  private constructor(server: Server, key: KeyObject, otherKey: KeyObject) {
    this.#server = server;
    this.#key = key;
    this.#otherKey = otherKey;
    this.keyUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}${KEY_PATH}`;
  }

  /** Makes a key and serves it, on this machine only. */
  static async start(options: CallbackClientOptions = {}): Promise<CallbackClient> {
    const pair = (): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> =>
      promisify(generateKeyPair)("rsa", { modulusLength: options.bits ?? 2048 });
    const [key, other] = await Promise.all([pair(), pair()]);
    const pem = key.publicKey.export({ type: "spki", format: "pem" });
    const server = createServer((request, response) => {
      const isKey = request.url === KEY_PATH;
      response
        .writeHead(isKey ? 200 : 404, { "Content-Type": "application/x-pem-file" })
        .end(isKey ? pem : "");
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    // A test that forgets to close it must end all the same.
    server.unref();
    return new CallbackClient(server, key.privateKey, other.privateKey);
  }

  /** This client's: what the verifier under test must be given. */
  get keyUrls(): PublicKeyUrls {
    return PublicKeyUrls.none().and(this.keyUrl);
  }

  /** The callback for `target`, path and query as they are to be sent. */
  sign(target: string, body: CallbackBody, options: SignOptions = {}): SignedCallback {
    const rawBody = bytes(body);
    const signed = tampered(target, rawBody, options.tamper);
    const key = options.tamper === "key" ? this.#otherKey : this.#key;
    const info = md5DigestInfo(stringToSign(signed.target, signed.body));
    const signature = privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info);
    const headers: [string, string][] = [
      ["Authorization", signature.toString("base64")],
      ["Content-MD5", createHash("md5").update(rawBody).digest("base64")],
      ["Content-Type", options.contentType ?? "application/x-www-form-urlencoded"],
      ["User-Agent", "aliyun-oss-callback"],
      ["x-oss-pub-key-url", Buffer.from(this.keyUrl).toString("base64")],
      ["x-oss-signature-version", "1.0"],
      ["x-oss-tag", "CALLBACK"],
    ];
    for (const [name, value] of options.headers ?? []) headers.push([name, value]);
    return { method: "POST", target, headers, rawBody };
  }

  /** Signs a callback for `url` and sends it there. */
  send(url: string, body: CallbackBody, options: SignOptions = {}): Promise<Answer> {
    const target = /^https?:\/\/[^/?]+([/?][^#]*)?/.exec(url)?.[1] ?? "/";
    return sendRaw(url, this.sign(target.startsWith("?") ? `/${target}` : target, body, options));
  }

  /** Serves the key no longer. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await promisify(this.#server.close.bind(this.#server))();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function bytes(body: CallbackBody): Buffer {
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const members = Object.entries(body).map(
    ([name, value]) => `${encoded(name)}=${encoded(String(value))}`,
  );
  return Buffer.from(members.join("&"));
}

/** As OSS writes values into a form: everything but letters, digits and `-._~`, in upper-case hex. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** What is signed in place of what is sent. */
function tampered(
  target: string,
  body: Buffer,
  tamper: Tamper | undefined,
): { target: string; body: Buffer } {
  const [path = "", ...query] = target.split("?");
  switch (tamper) {
    case "body":
      return { target, body: Buffer.concat([body, Buffer.from("&tampered=1")]) };
    case "path":
      return { target: [`${path}/tampered`, ...query].join("?"), body };
    case "query":
      return { target: `${target}${query.length === 0 ? "?" : "&"}tampered=1`, body };
    case "key":
    case undefined:
      return { target, body };
  }
}

const KEY_PATH = "/callback_pub_key_v1.pem";
