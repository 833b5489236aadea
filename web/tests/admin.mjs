/** What the console's tests do beside the browser: the admin interface, uploads, an application. */
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { required } from "./browser.mjs";

export const ADMIN_URL = required("ADMIN_URL");
export const ADMIN_SECRET = required("ADMIN_SECRET");
const APP_URL = required("APP_URL");

/** A question to the admin interface, with the secret. */
export async function admin(method, path, body) {
  const answer = await fetch(new URL(path, ADMIN_URL), {
    method,
    headers: { authorization: `Bearer ${ADMIN_SECRET}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** A bucket of one's own. */
export async function makeBucket(name, acl = "private") {
  await admin("PUT", `/v1/buckets/${name}`, { acl });
}

/** Where storage is, and who signs. */
async function signer() {
  const { host, accessid } = await (await fetch(new URL("/policy", APP_URL))).json();
  return { storage: new URL(host).origin, accessid };
}

export async function storageUrl() {
  return (await signer()).storage;
}

/**
 * Posts a form with a policy of these conditions; resolves with status, request id and body.
 *
 * The parts are written by hand: a library would clean the names up that a test is about.
 */
export async function upload({ bucket, key, content = "hello", type = "text/plain", name = "file", callback, conditions, fields = {} }) {
  const { storage, accessid } = await signer();
  const document = {
    expiration: new Date(Date.now() + 600_000).toISOString(),
    conditions: conditions ?? [["starts-with", "$key", ""]],
  };
  const policy = Buffer.from(JSON.stringify(document)).toString("base64");
  const signature = createHmac("sha1", required("ACCESS_KEY_SECRET")).update(policy).digest("base64");
  const all = { key, OSSAccessKeyId: accessid, policy, signature, ...fields };
  if (callback !== undefined) all.callback = Buffer.from(JSON.stringify(callback)).toString("base64");
  const boundary = "----console-tests";
  const parts = Object.entries(all).map(([field, value]) =>
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`),
  );
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`;
  const body = Buffer.concat([...parts, Buffer.from(head), Buffer.from(content), Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const answer = await fetch(new URL(`/${bucket}/`, storage), {
    method: "POST",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body,
  });
  return { status: answer.status, requestId: answer.headers.get("x-oss-request-id"), text: await answer.text() };
}

/** An application that answers as it is told, and keeps what it received; on any port, or on one that it had. */
export async function startApplication(port = 0) {
  const received = [];
  const application = {
    status: 200,
    headers: { "content-type": "application/json" },
    body: '{"Status":"OK"}',
    received,
  };
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    received.push({
      method: request.method,
      url: request.url,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(pieces).toString(),
    });
    const body = Buffer.from(application.body);
    response.writeHead(application.status, { ...application.headers, "content-length": body.length });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  application.url = `http://127.0.0.1:${server.address().port}`;
  application.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  application.callback = (path = "/callback") => ({
    callbackUrl: `${application.url}${path}`,
    callbackBody: "bucket=${bucket}&object=${object}&size=${size}",
  });
  return application;
}

/** A callback to where nobody listens. */
export const DEAD_CALLBACK = { callbackUrl: "http://127.0.0.1:9/", callbackBody: "object=${object}" };

/** Waits until it is so; fails with what it last saw. */
export async function until(look, isSo, limitMs = 15_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (Date.now() > end) throw new Error(`still not so: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
