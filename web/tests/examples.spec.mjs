/**
 * The three classic examples, as a person uses them, in Chromium.
 *
 * Environment: APP_URL (a server that has them: `upcall dev`, or `npm run fake` in the folder above),
 * ACCESS_KEY_SECRET (what its application signs with), SCREENSHOTS (a folder; optional), CHROMIUM
 * (optional).
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { launch, makePhoto, required, resign, withDeadCallback } from "./browser.mjs";

const APP_URL = required("APP_URL");
const ADDRESSES = ["browser-signature", "server-signature", "server-callback"];

let browser;
let photo;
let settings;
let context;
let page;
let violations;

before(async () => {
  browser = await launch();
  photo = await makePhoto(browser, 200_000);
  const answer = await fetch(new URL("/examples/settings", APP_URL));
  assert.equal(answer.status, 200, "this server has no examples");
  settings = await answer.json();
});
after(() => browser?.close());
beforeEach(() => newPage({ viewport: { width: 1280, height: 900 } }));
afterEach(async () => {
  await context.close();
  assert.deepEqual(violations, []);
});

async function newPage(options) {
  await context?.close();
  context = await browser.newContext({ locale: "en-GB", ...options });
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  violations = [];
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) violations.push(message.text());
  });
  page.on("pageerror", (error) => violations.push(String(error)));
}

async function open(example) {
  await page.goto(new URL(`/examples/${example}/`, APP_URL).href);
  await page.locator("h1").waitFor();
}

/** Chooses a file and waits for how it ended. */
async function send(name, buffer = photo) {
  await page.locator("input[type=file]").setInputFiles([{ name, mimeType: "image/jpeg", buffer }]);
  const card = page.locator(".card", { has: page.getByRole("heading", { name, exact: true }) }).first();
  await card.waitFor();
  return { kind: await card.getAttribute("data-outcome"), reason: await card.getAttribute("data-reason"), text: await card.innerText() };
}

/** Lets `change` alter what the application answers for a policy. */
function alter(url, change) {
  return page.route(new URL(url, APP_URL).href, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: change(await response.json()) });
  });
}

/** Both generations, where the example has both. */
async function choose(version) {
  await page.getByRole("group", { name: "Signature" }).getByRole("radio", { name: version }).check({ force: true });
}

test("the index leads to all three", async () => {
  await page.goto(new URL("/examples/", APP_URL).href);
  for (const [index, address] of ADDRESSES.entries()) {
    await page.locator(".examples a").nth(index).click();
    await page.waitForURL(`**/examples/${address}/`);
    await page.locator("input[type=file]").waitFor({ state: "attached" });
    await page.getByRole("link", { name: "All examples" }).click();
    await page.waitForURL("**/examples/");
  }
});

describe("1, signed in the browser", () => {
  for (const version of ["V1", "V4"]) {
    test(`${version}: stored, and nobody is told`, async () => {
      const asked = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await open("browser-signature");
      assert.match(await page.locator(".warning").innerText(), /secret is in this page/);
      await choose(version);
      const { kind, text } = await send("mine.jpg");
      assert.equal(kind, "accepted", text);
      assert.match(text, /Stored[^]*not told/);
      assert.equal(await page.locator(".signed").getAttribute("data-version"), version);
      assert.ok(!asked.some((path) => path.startsWith("/policy")), `${asked}`);
    });

    test(`${version}: over plain http, where there is no WebCrypto`, async () => {
      await page.addInitScript(() => Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined }));
      await open("browser-signature");
      assert.equal(await page.evaluate(() => crypto.subtle), undefined);
      await choose(version);
      const { kind, text } = await send("mine.jpg");
      assert.equal(kind, "accepted", text);
    });
  }

  test("with another secret it is refused", async () => {
    const wrong = { ...settings, accessKeySecret: "another secret" };
    await page.route("**/examples/settings", (route) => route.fulfill({ json: wrong }));
    await open("browser-signature");
    const { reason, text } = await send("forged.jpg");
    assert.equal(reason, "wrongSignature", text);
    assert.match(text, /SignatureDoesNotMatch/);
  });
});

describe("2, signed by the application server", () => {
  test("stored, and nobody is told; the page never has the secret", async () => {
    await open("server-signature");
    assert.equal(await page.locator(".warning").count(), 0);
    const { kind, text } = await send("ours.jpg");
    assert.equal(kind, "accepted", text);
    assert.match(text, /Stored[^]*not told/);
  });

  test("an application server that always calls back leads to the third", async () => {
    await page.route("**/examples/settings", (route) =>
      route.fulfill({ json: { ...settings, policyUrlWithoutCallback: null } }),
    );
    await open("server-signature");
    await page.getByText("see example 3").waitFor();
    assert.equal(await page.locator("input[type=file]").count(), 0);
  });
});

describe("3, signed by the application server, with a callback", () => {
  for (const version of ["V1", "V4"]) {
    test(`${version}: the application's own answer`, async () => {
      await open("server-callback");
      await choose(version);
      const { kind, text } = await send("heard.jpg");
      assert.equal(kind, "accepted", text);
      assert.match(text, /Accepted by the application[^]*The application’s answer\s*\{[^]*heard\.jpg/);
      assert.equal(await page.locator(".signed").getAttribute("data-version"), version);
    });
  }

  test("a photo that is dropped on it", async () => {
    await open("server-callback");
    const dropped = await page.evaluateHandle((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
      return transfer;
    }, photo.toString("base64"));
    const area = page.locator(".choose");
    await area.dispatchEvent("drop", { dataTransfer: dropped });
    const card = page.locator(".card", { has: page.getByRole("heading", { name: "dropped.jpg", exact: true }) });
    await card.first().waitFor();
    assert.equal(await card.first().getAttribute("data-outcome"), "accepted");
    // What takes a real drop is as large as it looks.
    const [input, whole] = await Promise.all([area.locator("input").boundingBox(), area.boundingBox()]);
    assert.ok(input.height >= whole.height - 4 && input.width >= whole.width - 4, JSON.stringify([input, whole]));
  });

  test("stored, but not accepted, is not a success", async () => {
    await alter(settings.policyUrl, withDeadCallback);
    await open("server-callback");
    const { kind, text } = await send("unheard.jpg");
    assert.equal(kind, "storedOnly", text);
    assert.match(text, /Stored, but the application did not agree[^]*CallbackFailed[^]*Request id\s+[0-9A-F]{24}/);
  });

  test("refused, in the server's words", async () => {
    await alter(settings.policyUrl, (answer) =>
      resign(answer, ({ conditions }) => conditions.push(["content-length-range", 0, 1000])),
    );
    await open("server-callback");
    const { reason, text } = await send("large.jpg");
    assert.equal(reason, "tooLarge", text);
    assert.match(text, /EntityTooLarge[^]*exceeds the maximum allowed size[^]*Request id\s+[0-9A-F]{24}/);
  });

  test("with the keyboard alone: choosing, cancelling, sending again, removing", async () => {
    await page.route(`${settings.bucketUrl}**`, () => {}); // no answer, ever
    await open("server-callback");
    const chooser = page.locator("input[type=file]");
    const hasFocus = () => chooser.evaluate((input) => input === document.activeElement);
    const chosen = page.waitForEvent("filechooser");
    await chooser.focus();
    await page.keyboard.press("Enter");
    await (await chosen).setFiles([{ name: "slow.jpg", mimeType: "image/jpeg", buffer: photo }]);
    await page.getByRole("progressbar", { name: "Uploading slow.jpg" }).waitFor();
    await page.getByRole("button", { name: "Cancel slow.jpg" }).press("Enter");
    await page.locator(".running li").waitFor({ state: "detached" });
    assert.ok(await hasFocus());

    await page.unroute(`${settings.bucketUrl}**`);
    await alter(settings.policyUrl, withDeadCallback);
    await page.reload();
    await send("again.jpg");
    const again = page.getByRole("button", { name: "Try again" });
    await again.press("Enter");
    await again.waitFor();
    assert.ok(await hasFocus());
    await page.locator(".card").getByRole("button", { name: /again\.jpg/ }).press("Enter");
    await page.locator(".card").waitFor({ state: "detached" });
    assert.ok(await hasFocus());
  });

  test("a random name", async () => {
    await open("server-callback");
    await page.getByRole("radio", { name: "Random name" }).check({ force: true });
    const { text } = await send("passport.jpg");
    assert.match(text, /[A-HJKMNP-TW-Za-fhijkmnprstw-z2-8]{10}\.jpg/);
  });

  test("an application server without V4 is asked for V1", async () => {
    await page.route("**/examples/settings", (route) => route.fulfill({ json: { ...settings, policyUrlV4: null } }));
    await open("server-callback");
    assert.equal(await page.getByRole("group", { name: "Signature" }).count(), 0);
    const { kind, text } = await send("classic.jpg");
    assert.equal(kind, "accepted", text);
  });
});

test("without `upcall dev` the pages say so", async () => {
  await page.route("**/examples/settings", (route) => route.fulfill({ status: 404, body: "" }));
  await open("server-callback");
  await page.getByText("upcall dev").waitFor();
  assert.equal(await page.locator("input[type=file]").count(), 0);
});

for (const address of ["", ...ADDRESSES.map((name) => `${name}/`)]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`/examples/${address} on a phone, in Chinese, ${colorScheme}`, async () => {
      await newPage({ locale: "zh-CN", viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme });
      await page.goto(new URL(`/examples/${address}`, APP_URL).href);
      await page.locator("h1").waitFor();
      assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
      assert.doesNotMatch(await page.locator("main").innerText(), /\b(the|file|signs)\b/);
      if (address !== "") {
        const { kind, text } = await send("一个相当长的文件名，用来看看它是否会超出屏幕的宽度 2026-11-24 18.30.jpg");
        assert.equal(kind, "accepted", text);
        for (const summary of await page.locator("summary").all()) await summary.click();
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} px too wide`);
      const shots = process.env.SCREENSHOTS;
      if (shots === undefined) return;
      await mkdir(shots, { recursive: true });
      const name = `example-${address.replace("/", "") || "index"}-360-${colorScheme}.png`;
      await page.screenshot({ path: join(shots, name), fullPage: true, animations: "disabled" });
    });
  }
}
