/**
 * The snippets of `uppy-upcall`, and other people's upload widgets, in Chromium against the real
 * servers: each shows success, refusal and *stored, not accepted* as what they are.
 *
 * Environment: APP_URL, ACCESS_KEY_SECRET, BUCKET, ADMIN_URL, ADMIN_SECRET (to let the bucket be used
 * from the pages' origin), CHROMIUM (optional). Needs the npm packages of the folder above as well
 * (Vite).
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { alterPolicy, launch, makePhoto, required, resign, withDeadCallback } from "./browser.mjs";
import { bundle } from "./bundle.mjs";
import { openSite } from "./site.mjs";

const APP_URL = required("APP_URL");
const SNIPPETS = new URL("../packages/uppy-upcall/snippets/plain/", import.meta.url);

let browser;
let photo;
let site;
let context;
let page;

before(async () => {
  browser = await launch();
  photo = await makePhoto(browser, 300_000);
  site = await openSite();
});
after(async () => {
  await browser?.close();
  site?.close();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
});
afterEach(() => context.close());

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

async function openPlain(name) {
  site.files["/"] = [HTML, await readFile(new URL(`${name}.html`, SNIPPETS))];
  site.files[`/${name}.js`] = [SCRIPT, await readFile(new URL(`${name}.js`, SNIPPETS))];
  await page.goto(site.url);
}

async function openWidget(script) {
  const html = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="widget.js"></script>';
  site.files["/"] = [HTML, html];
  site.files["/widget.js"] = [SCRIPT, script];
  await page.goto(site.url);
}

/** What the application answers, so that the upload ends like this. */
const ENDINGS = {
  accepted: (answer) => answer,
  refused: (answer) => resign(answer, ({ conditions }) => conditions.push(["content-length-range", 0, 1000])),
  stored: withDeadCallback,
};

function jpeg(name) {
  return { name, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.from(name)]) };
}

async function recorded(name) {
  const { uploads } = await (await fetch(new URL("/uploads", APP_URL))).json();
  return uploads.find(({ object }) => object.endsWith(`/${name}`));
}

/** A file of its own for each ending: what is recorded must be this upload's. */
async function choose(name) {
  await page.locator("input[type=file]").first().setInputFiles([jpeg(name)]);
}

async function shows(pattern) {
  await page.getByText(pattern).first().waitFor();
}

describe("a plain form", () => {
  /** The browser posts it and shows the answer in the page's place. */
  async function post(ending, name) {
    await alterPolicy(page, ENDINGS[ending]);
    await openPlain("form");
    await choose(name);
    const answered = page.waitForResponse((response) => response.request().method() === "POST");
    await page.getByRole("button", { name: "Upload" }).click();
    const response = await answered;
    await page.waitForURL(response.url());
    return { status: response.status(), text: await page.content() };
  }

  test("the application's answer takes the page's place", async () => {
    const { status, text } = await post("accepted", "form.jpg");
    assert.equal(status, 200, text);
    assert.match(text, /form\.jpg/);
    assert.equal((await recorded("form.jpg")).size, photo.length + "form.jpg".length);
  });

  test("so does a refusal", async () => {
    const refused = await post("refused", "form refused.jpg");
    assert.equal(refused.status, 400);
    assert.match(refused.text, /EntityTooLarge/);
  });

  test("so does what is stored and not accepted", async () => {
    const stored = await post("stored", "form stored.jpg");
    assert.equal(stored.status, 203);
    assert.match(stored.text, /CallbackFailed/);
    assert.equal(await recorded("form stored.jpg"), undefined);
  });

  test("an address that is a program is not run", async () => {
    await alterPolicy(page, (answer) => ({ ...answer, host: "javascript:document.title='run'" }));
    await openPlain("form");
    await choose("program.jpg");
    await page.getByRole("button", { name: "Upload" }).click();
    await shows("The application server did not sign.");
    assert.equal(await page.title(), "A plain form");
  });

  test("an application server that does not sign is said", async () => {
    await page.route("**/policy", (route) => route.fulfill({ status: 401 }));
    await openPlain("form");
    await choose("unsigned.jpg");
    await page.getByRole("button", { name: "Upload" }).click();
    await shows("The application server did not sign.");
  });
});

/** How each of them is opened, and what starts it once a file is chosen. */
const WIDGETS = {
  fetch: { open: () => openPlain("fetch"), start: () => page.getByRole("button", { name: "Upload" }).click() },
  "antd Upload": { script: "antd.jsx", done: ".ant-upload-list-item-done", failed: ".ant-upload-list-item-error" },
  "Element Plus": { script: "elementPlus.js", done: ".el-upload-list__item.is-success" },
  Dropzone: { script: "dropzone.js" },
  FilePond: { script: "filepond.js" },
};

for (const [widget, { open, script, start, done, failed }] of Object.entries(WIDGETS)) {
  describe(widget, () => {
    let code;
    before(async () => {
      if (script !== undefined) code = await bundle(script);
    });

    async function upload(ending, name) {
      await alterPolicy(page, ENDINGS[ending]);
      await (open?.() ?? openWidget(code));
      await page.locator("input[type=file]").first().waitFor({ state: "attached" });
      await choose(name);
      await start?.();
    }

    test("shows success, and the application has heard of it", async () => {
      const name = `${widget}.jpg`;
      await upload("accepted", name);
      await (done === undefined ? shows(/^Accepted: \{/) : page.locator(done).waitFor());
      assert.equal((await recorded(name)).size, photo.length + name.length);
    });

    test("shows a refusal in the server's words", async () => {
      await upload("refused", `${widget} refused.jpg`);
      await shows(/^Refused: .*exceeds the maximum allowed size/s);
      if (done !== undefined) assert.equal(await page.locator(done).count(), 0);
      if (failed !== undefined) await page.locator(failed).waitFor();
    });

    test("does not take for a success what is stored and not accepted", async () => {
      const name = `${widget} stored.jpg`;
      await upload("stored", name);
      await shows(/^Stored, not accepted: .*Error status/s);
      if (done !== undefined) assert.equal(await page.locator(done).count(), 0);
      if (failed !== undefined) await page.locator(failed).waitFor();
      assert.equal(await recorded(name), undefined);
    });
  });
}

describe("the core, when the answer is lost on its way", () => {
  test("sends the same upload again, and upcall answers as the first time, without a second call", async () => {
    const code = await bundle("filepond.js");
    const forms = [];
    const answers = [];
    let bucketUrl;
    site.files["/lossy/"] = async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      const body = Buffer.concat(pieces);
      forms.push(body.toString("latin1"));
      const headers = { "content-type": request.headers["content-type"] };
      const answer = await fetch(bucketUrl, { method: "POST", headers, body });
      answers.push(await answer.text());
      if (answers.length === 1) return request.socket.destroy();
      return response.writeHead(answer.status, { "content-type": "application/json" }).end(answers[1]);
    };
    await alterPolicy(page, (answer) => {
      bucketUrl = answer.host;
      return { ...answer, host: `${site.url}/lossy/` };
    });
    await openWidget(code);
    const name = `lost ${Date.now()}.jpg`; // rows of earlier runs are others
    await choose(name);
    await shows(/^Accepted: \{/);
    const names = forms.map((form) => /name="idempotency-key"\r\n\r\n([0-9a-f]{32})\r\n/.exec(form)[1]);
    assert.equal(names.length, 2);
    assert.equal(names[0], names[1]);
    assert.equal(answers[0], answers[1]);
    const { uploads } = await (await fetch(new URL("/uploads", APP_URL))).json();
    assert.equal(uploads.filter(({ object }) => object.endsWith(`/${name}`)).length, 1);
  });
});
