/**
 * The real plupload, unmodified, through the documented flow: ask the application server for a
 * policy, post `key`, `policy`, `OSSAccessKeyId`, `success_action_status`, `callback`, `signature`
 * and the file to the bucket, show what the application answered.
 *
 * plupload is AGPL: it is installed for this test, served by this test, and never shipped. The page
 * comes from an origin of its own, as somebody's website would, so every answer crosses origins.
 *
 * Environment: APP_URL, ACCESS_KEY_SECRET, BUCKET, ADMIN_URL, ADMIN_SECRET (to let the bucket be used
 * from that origin), CHROMIUM (optional).
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, beforeEach, afterEach, describe, test } from "node:test";
import { alterPolicy, launch, makePhoto, required, resign, withDeadCallback } from "./browser.mjs";

const APP_URL = required("APP_URL");
const PLUPLOAD = createRequire(import.meta.url).resolve("plupload/js/plupload.full.min.js");

const PAGE = `<!doctype html><meta charset="utf-8"><title>plupload</title>
<button id="browse">Choose</button><button id="post">Upload</button><ul id="files"></ul>
<script src="/plupload.js"></script><script src="/upload.js"></script>`;

/** The site's script: the shape of the documented `upload.js`, on plupload's own interface. */
const SCRIPT = String.raw`
const state = { questions: 0, signed: null, naming: "local_name", results: [], progress: [] };
const ALPHABET = "ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678";

function askPolicy() {
  const request = new XMLHttpRequest();
  request.open("GET", window.SERVER_URL, false);
  request.send(null);
  state.questions += 1;
  return JSON.parse(request.responseText);
}

function keyFor(dir, name) {
  if (state.naming === "local_name") return dir + "$" + "{filename}";
  const letters = Array.from({ length: 10 }, () => ALPHABET[Math.floor(Math.random() * ALPHABET.length)]);
  const dot = name.lastIndexOf(".");
  return dir + letters.join("") + (dot === -1 ? "" : name.substring(dot));
}

function setParameters(uploader, name) {
  const now = Date.now() / 1000;
  if (state.signed === null || Number(state.signed.expire) < now + 3) state.signed = askPolicy();
  const { accessid, policy, signature, callback, dir, host } = state.signed;
  uploader.setOption({
    url: host,
    multipart_params: {
      key: keyFor(dir, name),
      policy,
      OSSAccessKeyId: accessid,
      success_action_status: "200",
      callback,
      signature,
    },
  });
}

const uploader = new plupload.Uploader({
  runtimes: "html5",
  browse_button: "browse",
  multi_selection: true,
  url: "http://placeholder.invalid",
  filters: {
    mime_types: [{ title: "Images", extensions: "jpg,gif,png,bmp" }],
    max_file_size: "10mb",
    prevent_duplicates: true,
  },
  init: {
    BeforeUpload: (up, file) => setParameters(up, file.name),
    UploadProgress: (up, file) => state.progress.push(file.percent),
    FileUploaded: (up, file, info) =>
      state.results.push({ name: file.name, status: info.status, body: info.response }),
    Error: (up, error) =>
      state.results.push({ name: error.file?.name, code: error.code, status: error.status, body: error.response }),
  },
});
uploader.init();
document.getElementById("post").onclick = () => uploader.start();
window.state = state;
`;

let browser;
let photo;
let site;
let page;

before(async () => {
  browser = await launch();
  photo = await makePhoto(browser, 3 * 1024 * 1024);
  const library = await readFile(PLUPLOAD);
  const files = {
    "/": ["text/html; charset=utf-8", PAGE],
    "/plupload.js": ["text/javascript", library],
    "/upload.js": ["text/javascript", SCRIPT],
  };
  site = createServer((request, response) => {
    const file = files[request.url];
    if (file === undefined) return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": file[0] }).end(file[1]);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  await allowOrigin(`http://127.0.0.1:${site.address().port}`);
});
after(async () => {
  await browser?.close();
  site?.close();
});

beforeEach(async () => {
  const context = await browser.newContext();
  page = await context.newPage();
  await page.addInitScript((url) => {
    window.SERVER_URL = url;
  }, new URL("/policy", APP_URL).href);
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  await page.waitForFunction(() => window.state !== undefined);
});
afterEach(() => page.context().close());

/** What the site's operator does once: one more CORS rule for the bucket, beside those it has. */
async function allowOrigin(origin) {
  const url = new URL(`/v1/buckets/${required("BUCKET")}/cors`, required("ADMIN_URL"));
  const headers = { authorization: `Bearer ${required("ADMIN_SECRET")}` };
  const cors = await (await fetch(url, { headers })).json();
  const rule = { allowedOrigins: [origin], allowedMethods: ["POST"], allowedHeaders: ["*"] };
  const body = JSON.stringify({ ...cors, rules: [...cors.rules, rule] });
  const answer = await fetch(url, { method: "PUT", headers: { ...headers, "content-type": "application/json" }, body });
  assert.equal(answer.status, 204, await answer.text());
}

/** Chooses the files, presses the button, and waits for as many results. */
async function upload(...files) {
  await page.locator("input[type=file]").setInputFiles(files);
  await page.locator("#post").click();
  await page.waitForFunction((count) => window.state.results.length >= count, files.length);
  return page.evaluate(() => window.state);
}

function jpeg(name) {
  return { name, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.from(name)]) };
}

async function recorded() {
  const response = await fetch(new URL("/uploads", APP_URL));
  return (await response.json()).uploads;
}

describe("plupload", () => {
  test("uploads with the local name and shows the application's answer", async () => {
    const { results, progress, questions } = await upload(jpeg("holiday.jpg"));
    assert.deepEqual(
      results.map(({ name, status }) => [name, status]),
      [["holiday.jpg", 200]],
      JSON.stringify(results),
    );
    assert.equal(typeof JSON.parse(results[0].body), "object");
    assert.equal(progress.at(-1), 100);
    assert.equal(questions, 1);
    assert.match((await recorded())[0].object, /\/holiday\.jpg$/);
  });

  test("several files share a policy while it is good", async () => {
    const { results, questions } = await upload(jpeg("one.jpg"), jpeg("two.jpg"), jpeg("three.jpg"));
    assert.deepEqual(results.map(({ status }) => status), [200, 200, 200], JSON.stringify(results));
    assert.equal(questions, 1);
  });

  test("asks again three seconds before the policy expires", async () => {
    await alterPolicy(page, (answer) => ({ ...answer, expire: Math.floor(Date.now() / 1000) + 2 }));
    const { results, questions } = await upload(jpeg("one.jpg"), jpeg("two.jpg"));
    assert.deepEqual(results.map(({ status }) => status), [200, 200], JSON.stringify(results));
    assert.equal(questions, 2);
  });

  test("uploads under a random name", async () => {
    await page.evaluate(() => {
      window.state.naming = "random_name";
    });
    const { results } = await upload(jpeg("secret.jpg"));
    assert.equal(results[0].status, 200, JSON.stringify(results));
    assert.match((await recorded())[0].object, /\/[A-Za-z2-8]{10}\.jpg$/);
  });

  test("hears 203 as a success and can tell it by the status", async () => {
    await alterPolicy(page, withDeadCallback);
    const { results } = await upload(jpeg("unheard.jpg"));
    assert.equal(results[0].status, 203, JSON.stringify(results));
    assert.equal(results[0].code, undefined);
    assert.match(results[0].body, /<Code>CallbackFailed<\/Code>/);
  });

  test("gets a refusal as XML that it can read across origins", async () => {
    await alterPolicy(page, (answer) => {
      const expired = resign(answer, (document) => {
        document.expiration = "2020-01-01T00:00:00Z";
      });
      return { ...expired, expire: Math.floor(Date.now() / 1000) + 60 };
    });
    const { results } = await upload(jpeg("late.jpg"));
    assert.equal(results[0].status, 403, JSON.stringify(results));
    assert.match(results[0].body, /<Code>AccessDenied<\/Code>[^]*Policy expired/);
  });

  test("its own filters keep the wrong type at home", async () => {
    await page.locator("input[type=file]").setInputFiles([
      { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("words") },
    ]);
    await page.waitForFunction(() => window.state.results.length > 0);
    assert.equal(await page.evaluate(() => window.state.results[0].code), -601);
  });
});
