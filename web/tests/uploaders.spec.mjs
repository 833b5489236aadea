/**
 * Other people's upload components against a real `upcall dev`, each on a page of another origin: with the
 * third of the classic examples (policy and callback from the application server).
 *
 * Environment: APP_URL, ACCESS_KEY_SECRET, BUCKET, ADMIN_URL, ADMIN_SECRET, CHROMIUM (optional).
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { admin, allowOrigin } from "./admin.mjs";
import { alterPolicy, launch, makePhoto, required, resign, withDeadCallback } from "./browser.mjs";
import { LIBRARIES, UPLOADERS } from "./uploaders/pages.mjs";

const APP_URL = required("APP_URL");
const LIBRARY_FOLDER = new URL("./uploaders/node_modules/", import.meta.url);

let browser;
let photo;
let site;

before(async () => {
  browser = await launch();
  photo = await makePhoto(browser, 512 * 1024);
  const files = new Map();
  for (const [path, module] of Object.entries(LIBRARIES)) {
    files.set(path, ["text/javascript", await readFile(new URL(module, LIBRARY_FOLDER))]);
  }
  for (const [name, { html }] of Object.entries(UPLOADERS)) files.set(pathOf(name), ["text/html", html]);
  site = createServer((request, response) => {
    const file = files.get(request.url);
    if (file === undefined) return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": `${file[0]}; charset=utf-8` }).end(file[1]);
  });
  await new Promise((ready) => site.listen(0, "127.0.0.1", ready));
  await allowOrigin(required("BUCKET"), `http://127.0.0.1:${site.address().port}`);
});
after(async () => {
  await browser?.close();
  site?.close();
});

const pathOf = (name) => `/${encodeURIComponent(name)}`;

/** Chooses a photo on the uploader's page; resolves with the three things that it must tell apart. */
async function upload(name, fileName, change) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.addInitScript((url) => {
      window.SERVER_URL = url;
    }, new URL("/policy?user=uploaders", APP_URL).href);
    await alterPolicy(page, change, "**/policy?user=uploaders");
    await page.goto(`http://127.0.0.1:${site.address().port}${pathOf(name)}`);
    const input = page.locator("input[type=file]").first();
    await input.waitFor({ state: "attached" });
    const file = { name: fileName, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.from(fileName)]) };
    const said = UPLOADERS[name].isDocument ? await navigated(page, input, file) : await told(page, input, file);
    assert.deepEqual(complaints, []);
    return said;
  } finally {
    await context.close();
  }
}

async function told(page, input, file) {
  await input.setInputFiles(file);
  const outcome = page.locator("#outcome:not(:empty)");
  await outcome.waitFor({ state: "attached" });
  return outcome.textContent();
}

/** The browser shows the answer itself; what it is of is the status that it came with. */
async function navigated(page, input, file) {
  await page.waitForFunction(() => document.forms[0].action !== location.href);
  const [response] = await Promise.all([
    page.waitForResponse((candidate) => candidate.request().method() === "POST"),
    input.setInputFiles(file),
  ]);
  await page.waitForURL(/\/photos\/|localhost/);
  const shown = await page.locator("body, Error").first().textContent();
  const kind = { 200: "accepted", 203: "stored, not accepted" }[response.status()] ?? "refused";
  return `${kind}: ${shown} ${await page.content()}`;
}

const same = (answer) => answer;

function expired(answer) {
  const signed = resign(answer, (document) => {
    document.expiration = "2020-01-01T00:00:00Z";
  });
  return { ...signed, expire: Math.floor(Date.now() / 1000) + 60 };
}

async function recorded() {
  const response = await fetch(new URL("/uploads", APP_URL));
  return (await response.json()).uploads.map(({ object }) => object);
}

async function isStored(key) {
  const { objects } = await admin("GET", `/v1/buckets/${required("BUCKET")}/objects?prefix=${encodeURIComponent(key)}`);
  return objects.some((object) => object.key === key);
}

for (const name of Object.keys(UPLOADERS)) {
  describe(name, () => {
    const file = (kind) => `${kind}-${name.replaceAll(" ", "-")}.jpg`;

    test("an upload that the application accepts", async () => {
      const said = await upload(name, file("yes"), same);
      assert.match(said, /^accepted: /);
      assert.match(said, /yes-.*\.jpg/);
      assert.ok((await recorded()).includes(`uploads/uploaders/${file("yes")}`));
    });

    test("an upload that is stored and not accepted", async () => {
      const said = await upload(name, file("unheard"), withDeadCallback);
      assert.match(said, /^stored, not accepted: /);
      assert.match(said, /CallbackFailed/);
      assert.ok(await isStored(`uploads/uploaders/${file("unheard")}`));
      assert.ok(!(await recorded()).includes(`uploads/uploaders/${file("unheard")}`));
    });

    test("an upload that is refused", async () => {
      const said = await upload(name, file("late"), expired);
      assert.match(said, /^refused: /);
      assert.match(said, /Policy expired/);
      assert.ok(!(await isStored(`uploads/uploaders/${file("late")}`)));
    });
  });
}
