/**
 * upcall for tests: a running one that the environment names, or one that is started for them.
 *
 * | variable | |
 * |---|---|
 * | `UPCALL_ADMIN_URL`, `UPCALL_ADMIN_SECRET` | a running server; then with the three below |
 * | `UPCALL_STORAGE_URL` | where it serves storage |
 * | `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` | an access key of it |
 * | `UPCALL` | the program to start instead; otherwise `upcall` on the `PATH` |
 */
import { randomBytes } from "node:crypto";

import { PublicKeyUrls } from "../publicKeyUrls.js";
import type { AccessKey } from "../signedPolicy.js";
import { Admin } from "./admin.js";
import { type CorsRule, TestBucket } from "./bucket.js";
import { ADMIN_SECRET, startProgram, type StartedProgram } from "./program.js";

/** Which upcall to use. */
export interface UpcallServerOptions {
  /** Instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** More arguments for `upcall dev`. */
  readonly args?: readonly string[];
}

/** An upcall that tests share: each takes a {@link bucket} of its own. */
export class UpcallServer implements AsyncDisposable {
  readonly #admin: Admin;
  readonly #accessKey: AccessKey;
  readonly #program: StartedProgram | undefined;
  readonly storageUrl: string;
  /** Where the key is that signs callbacks: the setting `CALLBACK_KEY_URLS` of an application. */
  readonly publicKeyUrl: string;

  private constructor(found: Found, publicKeyUrl: string) {
    this.#admin = found.admin;
    this.#accessKey = found.accessKey;
    this.#program = found.program;
    this.storageUrl = found.storageUrl.replace(/\/+$/, "");
    this.publicKeyUrl = publicKeyUrl;
  }

  /** Finds a running upcall, or starts one in a folder of its own that goes with it. */
  static async start(options: UpcallServerOptions = {}): Promise<UpcallServer> {
    const env = options.env ?? process.env;
    const found = env["UPCALL_ADMIN_URL"] ? running(env) : await started(env, options);
    try {
      const { current } = (await found.admin.ask("GET", "/v1/callback-key")) as {
        current: { url: string };
      };
      return new UpcallServer(found, current.url);
    } catch (error) {
      await found.program?.stop();
      throw error;
    }
  }

  /** This server's: what the application's verifier must be given. */
  get keyUrls(): PublicKeyUrls {
    return PublicKeyUrls.none().and(this.publicKeyUrl);
  }

  get accessKeyId(): string {
    return this.#accessKey.accessKeyId;
  }

  get accessKeySecret(): string {
    return this.#accessKey.accessKeySecret;
  }

  /** A bucket of one test's own, so that tests can run side by side. */
  async bucket(
    options: { acl?: "private" | "public-read" | "public-read-write"; cors?: CorsRule[] } = {},
  ): Promise<TestBucket> {
    const name = `test-${randomBytes(8).toString("hex")}`;
    await this.#admin.ask("PUT", `/v1/buckets/${name}`, {
      body: { acl: options.acl ?? "private" },
    });
    const bucket = new TestBucket(this.#admin, this.#accessKey, this.storageUrl, name);
    if (options.cors !== undefined) await bucket.cors(...options.cors);
    return bucket;
  }

  /** Stops it if it was started here, and removes its folder. */
  async close(): Promise<void> {
    await this.#program?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Found {
  admin: Admin;
  accessKey: AccessKey;
  storageUrl: string;
  program?: StartedProgram;
}

function running(env: Readonly<Record<string, string | undefined>>): Found {
  const needed = (name: string): string => {
    const value = env[name];
    if (!value)
      throw new Error(`\`UPCALL_ADMIN_URL\` names a running upcall, but \`${name}\` is not set`);
    return value;
  };
  return {
    admin: new Admin(needed("UPCALL_ADMIN_URL"), needed(ADMIN_SECRET)),
    accessKey: {
      accessKeyId: needed("OSS_ACCESS_KEY_ID"),
      accessKeySecret: needed("OSS_ACCESS_KEY_SECRET"),
    },
    storageUrl: needed("UPCALL_STORAGE_URL"),
  };
}

async function started(
  env: Readonly<Record<string, string | undefined>>,
  options: UpcallServerOptions,
): Promise<Found> {
  const adminSecret = randomBytes(24).toString("hex");
  const program = await startProgram(env["UPCALL"] || "upcall", options.args ?? [], {
    ...env,
    [ADMIN_SECRET]: adminSecret,
  });
  const { admin, storage, accessKeyId, accessKeySecret } = program.ready;
  return {
    admin: new Admin(admin, adminSecret),
    accessKey: { accessKeyId, accessKeySecret },
    storageUrl: storage,
    program,
  };
}
