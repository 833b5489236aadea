/**
 * A stand-in for `upcall dev`, to work on the page with: an application server and a storage
 * server on two origins, in memory, with real policies and signatures, and faults on demand.
 *
 *   npm run build && npm run fake        then open the printed address
 *
 * Not used by `cargo xtask test`, which runs the page against the real servers.
 */
import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const ACCESS_KEY = { id: "fake-key", secret: "fake-secret" };
const REGION = "cn-hangzhou";
const MAX_BYTES = 256 * 1024 * 1024;
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

const DIR = "user/demo/";

const recorded = [];
const storage = createServer((request, response) => {
  serveStorage(request, response).catch(() => response.destroy()); // the browser went away
});
const application = createServer((request, response) => {
  serveApplication(request, response).catch(() => response.writeHead(404).end());
});
const storageOrigin = `http://127.0.0.1:${await listen(storage, process.env.STORAGE_PORT ?? 0)}`;
const appOrigin = `http://127.0.0.1:${await listen(application, process.env.APP_PORT ?? 0)}`;
console.log(
  JSON.stringify({
    app: appOrigin,
    storage: storageOrigin,
    bucket: "photos",
    accessKeyId: ACCESS_KEY.id,
    accessKeySecret: ACCESS_KEY.secret,
  }),
);

/** The page's files, the policy, the settings and the list. */
async function serveApplication(request, response) {
  const { pathname } = new URL(request.url, appOrigin);
  const policy = { "/policy": signPolicy, "/policy/v4": signPolicyV4, "/policy/plain": signPlainPolicy }[pathname];
  if (policy !== undefined) {
    response.setHeader("access-control-allow-origin", "*");
    return json(response, 200, policy());
  }
  if (pathname === "/examples/settings") {
    return json(response, 200, {
      bucketUrl: `${storageOrigin}/photos/`,
      region: REGION,
      accessKeyId: ACCESS_KEY.id,
      accessKeySecret: ACCESS_KEY.secret,
      policyUrl: "/policy",
      policyUrlV4: "/policy/v4",
      policyUrlWithoutCallback: "/policy/plain",
    });
  }
  if (pathname === "/settings") {
    return json(response, 200, { maxBytes: MAX_BYTES, allowedTypes: ["image/*", "video/*"], bucket: "photos" });
  }
  if (pathname === "/uploads") return json(response, 200, { uploads: recorded });
  const name = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
  const bytes = await readFile(join(DIST, name));
  response.writeHead(200, {
    "content-type": TYPES[extname(name)] ?? "application/octet-stream",
    "content-security-policy":
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
      `connect-src 'self' ${storageOrigin}; font-src 'self'; manifest-src 'self'; ` +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  });
  return response.end(bytes);
}

function signPolicy() {
  return { ...signPlainPolicy(), callback: encode({ callbackUrl: `${appOrigin}/callback`, callbackBody: "object=${object}" }) };
}

function signPlainPolicy() {
  const expire = Math.floor(Date.now() / 1000) + 30;
  const policy = encodePolicy(expire, []);
  return { accessid: ACCESS_KEY.id, host: `${storageOrigin}/photos/`, policy, signature: hmac(policy), expire, dir: DIR };
}

function signPolicyV4() {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const credential = `${ACCESS_KEY.id}/${date.slice(0, 8)}/${REGION}/oss/aliyun_v4_request`;
  const named = { "x-oss-signature-version": "OSS4-HMAC-SHA256", "x-oss-credential": credential, "x-oss-date": date };
  const policy = encodePolicy(
    Math.floor(Date.now() / 1000) + 30,
    Object.entries(named).map(([name, value]) => ({ [name]: value })),
  );
  const { callback, host, dir } = signPolicy();
  return {
    policy,
    x_oss_signature_version: named["x-oss-signature-version"],
    x_oss_credential: credential,
    x_oss_date: date,
    signature: hmacV4(policy, credential),
    security_token: "",
    dir,
    host,
    callback,
  };
}

function encodePolicy(expire, more) {
  const conditions = [["content-length-range", 0, MAX_BYTES], ["starts-with", "$key", DIR], ...more];
  return encode({ expiration: new Date(expire * 1000).toISOString(), conditions });
}

function encode(document) {
  return Buffer.from(JSON.stringify(document)).toString("base64");
}

async function serveStorage(request, response) {
  response.setHeader("access-control-allow-origin", "*");
  response.setHeader("access-control-expose-headers", "etag, x-oss-request-id");
  if (request.method === "OPTIONS") return response.writeHead(200).end();
  const requestId = Math.floor(Date.now() / 1000).toString(16).toUpperCase() + randomBytes(8).toString("hex").toUpperCase();
  response.setHeader("x-oss-request-id", requestId);
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const { fields, file } = readForm(Buffer.concat(pieces), request.headers["content-type"] ?? "");
  const refusal = judge(fields, file);
  if (refusal !== null) return xml(response, requestId, ...refusal);
  const row = {
    object: fields.key.replace("${filename}", file.name),
    size: file.bytes.length,
    mimeType: file.type,
    width: null,
    height: null,
    requestId,
    receivedAt: new Date().toISOString(),
  };
  const { callbackUrl } = JSON.parse(Buffer.from(fields.callback ?? "e30=", "base64"));
  if (callbackUrl === undefined) return response.writeHead(200).end();
  if (!callbackUrl.startsWith(appOrigin)) {
    return xml(response, requestId, 203, "CallbackFailed", "Error status : -1.OSS can not connect to your callbackUrl, please check it.", "start the application server, or correct callbackUrl");
  }
  recorded.unshift(row);
  return json(response, 200, { Status: "OK", object: row.object, size: row.size, mimeType: row.mimeType });
}

/** Why not, or null: the same order of checks as the real server's. */
function judge(fields, file) {
  const credential = fields["x-oss-credential"];
  if ((credential?.split("/")[0] ?? fields.OSSAccessKeyId) !== ACCESS_KEY.id) {
    return [403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.", null];
  }
  const isSigned =
    credential === undefined
      ? fields.signature === hmac(fields.policy)
      : fields["x-oss-signature"] === hmacV4(fields.policy, credential);
  if (!isSigned) {
    return [403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", "sign with the secret of this access key id"];
  }
  const policy = JSON.parse(Buffer.from(fields.policy, "base64"));
  if (Date.parse(policy.expiration) < Date.now()) {
    return [403, "AccessDenied", "Invalid according to Policy: Policy expired.", `the policy expired at ${policy.expiration}`];
  }
  for (const condition of policy.conditions) {
    const [equal] = Array.isArray(condition) ? [] : Object.entries(condition);
    const [kind, name, value] = equal === undefined ? condition : ["eq", `$${equal[0]}`, equal[1]];
    if (kind === "content-length-range" && file.bytes.length > value) {
      return [400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.", `the policy allows ${value} bytes`];
    }
    const unmet =
      (kind === "eq" && fields[name.slice(1)] !== value) ||
      (kind === "starts-with" && !(fields[name.slice(1)] ?? "").startsWith(value)) ||
      (kind === "in" && !value.includes(name === "$content-type" ? file.type : fields[name.slice(1)]));
    if (unmet) {
      const words = JSON.stringify(condition).replaceAll(",", ", ");
      return [403, "AccessDenied", `Invalid according to Policy: Policy Condition failed: ${words}`, null];
    }
  }
  return null;
}

/** Reads the whole form at once: good enough for a stand-in. */
function readForm(body, contentType) {
  const boundary = `--${contentType.split("boundary=")[1]}`;
  const fields = {};
  let file = null;
  for (const part of body.toString("latin1").split(boundary).slice(1, -1)) {
    const split = part.indexOf("\r\n\r\n");
    const head = Buffer.from(part.slice(0, split), "latin1").toString();
    const value = Buffer.from(part.slice(split + 4, -2), "latin1");
    const name = /name="([^"]*)"/.exec(head)?.[1];
    if (name === "file") {
      file = {
        name: /filename="([^"]*)"/.exec(head)?.[1],
        type: /content-type: (.*)/i.exec(head)?.[1].trim(),
        bytes: value,
      };
    } else {
      fields[name] = value.toString();
    }
  }
  return { fields, file };
}

function hmac(policy) {
  return createHmac("sha1", ACCESS_KEY.secret).update(policy).digest("base64");
}

function hmacV4(policy, credential) {
  const [, ...scope] = credential.split("/");
  const key = scope.reduce((key, part) => createHmac("sha256", key).update(part).digest(), `aliyun_v4${ACCESS_KEY.secret}`);
  return createHmac("sha256", key).update(policy).digest("hex");
}

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function xml(response, requestId, status, code, message, hint) {
  const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const hintElement = hint === null ? "" : `<Hint>${escape(hint)}</Hint>`;
  response
    .writeHead(status, { "content-type": "application/xml" })
    .end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n  <Code>${code}</Code>\n  <Message>${escape(message)}</Message>\n  <RequestId>${requestId}</RequestId>\n  <HostId>127.0.0.1</HostId>\n  ${hintElement}\n</Error>\n`,
    );
}

function listen(server, port) {
  return new Promise((resolve) => {
    server.listen(Number(port), "127.0.0.1", () => resolve(server.address().port));
  });
}
