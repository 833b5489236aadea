/**
 * Somebody's website: pages at an origin of their own, so that every answer of application and
 * storage crosses origins. A real server, since Chromium lets no page that has no address (as one
 * that a test makes up has none) talk to this machine.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { required } from "./browser.mjs";

/**
 * Serves `files`, by path: content type and content, or a function that answers. `/policy` is the
 * application server's.
 */
export async function openSite(files = {}) {
  const server = createServer(async (request, response) => {
    const file = files[request.url];
    if (typeof file === "function") return file(request, response);
    if (file !== undefined) return response.writeHead(200, { "content-type": file[0] }).end(file[1]);
    if (request.url !== "/policy") return response.writeHead(404).end();
    const answer = await fetch(new URL("/policy", required("APP_URL")));
    return response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await allowLocalSites();
  return { url: `http://127.0.0.1:${server.address().port}`, files, close: () => server.close() };
}

/**
 * What a site's operator does once: one more CORS rule for the bucket, beside those it has. The same
 * for every site of this machine, so that tests that run at once write the same.
 */
export async function allowLocalSites() {
  const url = new URL(`/v1/buckets/${required("BUCKET")}/cors`, required("ADMIN_URL"));
  const headers = { authorization: `Bearer ${required("ADMIN_SECRET")}` };
  const cors = await (await fetch(url, { headers })).json();
  const allowedOrigins = ["http://127.0.0.1:*"];
  if (cors.rules.some((rule) => rule.allowedOrigins.includes(allowedOrigins[0]))) return;
  const rule = { allowedOrigins, allowedMethods: ["POST"], allowedHeaders: ["*"], exposeHeaders: ["x-oss-request-id"] };
  const body = JSON.stringify({ ...cors, rules: [...cors.rules, rule] });
  const answer = await fetch(url, { method: "PUT", headers: { ...headers, "content-type": "application/json" }, body });
  assert.equal(answer.status, 204, await answer.text());
}
