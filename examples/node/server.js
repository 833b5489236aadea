/**
 * An application server for direct uploads. `GET` signs a policy for the page, `POST` hears from the
 * storage server what was uploaded, `GET /uploads` lists what was heard.
 *
 * Everything that must not be got wrong is in the package `upcall`: it signs, it reads the raw body,
 * it verifies, it answers with a length.
 */
import { createServer } from "node:http";

import express from "express";
import {
  Binding,
  CallbackParameter,
  CallbackVerifier,
  PolicyBuilder,
  PublicKeyUrls,
  SignedPolicy,
} from "upcall";
import { receiveCallback } from "upcall/express";

import { Uploads } from "./uploads.js";

const needed = (name) => {
  if (process.env[name]) return process.env[name];
  console.error(`${name} is not set`);
  process.exit(1);
};
// Without PORT, it listens where CALLBACK_URL says, if that is on this machine.
const [, ownPort = "3000"] =
  /^(?:http:\/\/)?(?:127\.0\.0\.1|localhost):(\d+)(?:[/?]|$)/.exec(process.env.CALLBACK_URL) ?? [];
const port = process.env.PORT || ownPort;
const callbackUrl = process.env.CALLBACK_URL || `http://127.0.0.1:${port}/callback`;
const signer = {
  accessKeyId: needed("OSS_ACCESS_KEY_ID"),
  accessKeySecret: needed("OSS_ACCESS_KEY_SECRET"),
};
const host = needed("OSS_HOST");
const bucket = needed("OSS_BUCKET");
const usable = (name, read) => {
  try {
    return read(process.env[name]);
  } catch (error) {
    console.error(`${name} cannot be used: ${error.message}`);
    process.exit(1);
  }
};
/** Proves, in the callback, what was permitted here: others can have a callback signed, too. */
const binding = usable("BINDING_SECRET", (setting) =>
  Binding.fromSetting(setting, signer.accessKeySecret),
);
const verifier = new CallbackVerifier({
  keyUrls: usable("CALLBACK_KEY_URLS", PublicKeyUrls.parse),
  binding,
});
const uploads = await Uploads.open(
  process.env.UPLOADS || new URL("uploads.jsonl", import.meta.url),
);

const CALLBACK_BODY =
  "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}" +
  "&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}&binding=";
/** Path and query as the storage server sends them, byte for byte: they are signed. */
const callbackTarget = /^(?:https?:\/\/)?[^/?]+(.*)$/i
  .exec(callbackUrl)[1]
  .replace(/^(?=\?|$)/, "/");

const app = express()
  .disable("x-powered-by")
  .disable("etag")
  .enable("strict routing")
  .enable("case sensitive routing");

app.options(/.*/, (_request, response) => {
  response.set({
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "*",
  });
  response.status(204).end();
});

app.get("/uploads", (_request, response) => {
  response.set("Access-Control-Allow-Origin", "*").json({ uploads: uploads.newest(100) });
});

app.get(/.*/, (request, response) => {
  response.set({ "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store" });
  // A real application takes the user from its session, never from the query.
  const user = request.query.user ?? "guest";
  if (typeof user !== "string" || !/^[a-z0-9_-]{1,32}$/.test(user)) {
    const message = "user is 1 to 32 of a-z, 0-9, _ and -";
    return response.status(400).json({ error: { code: "InvalidUser", message } });
  }
  const dir = `uploads/${user}/`;
  const expiration = new Date(Date.now() + 300_000);
  const expires = binding.expiresAfter(expiration);
  const callback = new CallbackParameter({
    url: callbackUrl,
    body: CALLBACK_BODY + binding.make({ bucket, prefix: dir, user, expires }),
  });
  const policy = new PolicyBuilder(expiration)
    .bucket(bucket)
    .startsWith("key", dir)
    .contentLengthRange(0, 104_857_600)
    .notIn("x-oss-object-acl", ["public-read", "public-read-write"])
    .equals("callback", callback.encode()) // or the page could leave it out
    .equals("success_action_status", "200")
    .build();
  return response.json(SignedPolicy.v1(signer, policy).host(host).dir(dir).callback(callback));
});

const heard = receiveCallback(
  verifier,
  async (callback, _request, response) => {
    const form = callback.form();
    const object = form.get("object");
    if (!object) {
      response.status(400);
      return { Status: "body not understood" };
    }
    await uploads.add(form, callback.permission.user); // on disk before the answer: after it, nobody calls again
    return { Status: "OK", object };
  },
  { onRefused: (error) => console.error(`callback refused: ${error.code}: ${error.message}`) },
);

// No body parser stands before this: the signature is over the raw bytes.
app.post(/.*/, (request, response, next) => {
  if (request.originalUrl === callbackTarget) return heard(request, response, next);
  return response.status(404).json({ Status: "not found" });
});

app.use((_request, response) =>
  response.status(405).set("Allow", "GET, POST, OPTIONS").json({ Status: "no such method" }),
);

app.use((error, request, response, _next) => {
  if (request.readableAborted) return; // hung up in the middle of the body
  console.error(error); // what went wrong is for us, not for whoever asked
  const status = error.status >= 400 && error.status < 500 ? error.status : 500;
  if (!response.headersSent) response.status(status).json({ Status: "failed" });
});

// Node's own five minutes are long for a callback, and it looks at the clock each half minute only.
const limits = {
  requestTimeout: 10_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
};
const server = createServer(limits, app);
server.on("error", (error) => {
  console.error(`PORT cannot be used: ${error.message}`);
  process.exit(1);
});
server.listen(Number(port), "127.0.0.1", () => {
  console.log(`ready: http://127.0.0.1:${server.address().port}/`);
});

process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 1_000).unref();
});
