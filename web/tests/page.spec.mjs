/**
 * The upload page, as a person uses it, in Chromium, against real servers.
 *
 * Environment: APP_URL (the page's address), ACCESS_KEY_SECRET (what the application signs with, to
 * make policies that it would never make), SCREENSHOTS (a folder; optional), CHROMIUM (optional).
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { assertAccessible } from "./axe.mjs";
import { alterPolicy, launch, makePhoto, required, resign, withDeadCallback } from "./browser.mjs";

const APP_URL = required("APP_URL");
const MIB = 1024 * 1024;

let browser;
let photo;
let context;
let page;

before(async () => {
  browser = await launch();
  photo = await makePhoto(browser, 3 * MIB);
});
after(() => browser?.close());
afterEach(() => context.close());
beforeEach(async () => {
  context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
});

async function openPage(settings) {
  if (settings !== undefined) {
    await page.route("**/settings", (route) => route.fulfill({ json: settings }));
  }
  await page.goto(APP_URL);
  await page.locator(".uppy-Dashboard-AddFiles").waitFor();
}

/** Chooses files as the file dialog does. */
function choose(...files) {
  return page.locator("input.uppy-Dashboard-input").first().setInputFiles(files);
}

function jpeg(name, buffer = photo) {
  return { name, mimeType: "image/jpeg", buffer };
}

/** The newest card, once there is one of this kind; fails with what the page says instead. */
async function outcome(kind, name) {
  const card = page.locator(".card", { has: page.getByRole("heading", { name, exact: true }) }).first();
  await card.waitFor();
  const text = await card.innerText();
  assert.equal(await card.getAttribute("data-outcome"), kind, text);
  return { card, text, reason: await card.getAttribute("data-reason") };
}

/** Slows the way up, so that there is progress to see; returns what takes it back. */
async function slowDown(bytesPerSecond) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: bytesPerSecond,
  });
  return () => session.detach();
}

describe("an upload that works", () => {
  test("a 3 MB photo: progress, the application's answer, the application's row", async () => {
    const violations = [];
    page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) violations.push(message.text());
    });
    page.on("pageerror", (error) => violations.push(String(error)));
    const asked = new Set();
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http")) asked.add(origin);
    });
    await openPage();
    await slowDown(1.5 * MIB);
    await page.evaluate(() => {
      globalThis.seen = [];
      new MutationObserver(() => {
        const bar = document.querySelector(".uppy-StatusBar-progress");
        if (bar) globalThis.seen.push(Number(bar.getAttribute("aria-valuenow")));
      }).observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    await choose(jpeg("sunrise.jpg"));
    const { text } = await outcome("accepted", "sunrise.jpg");
    assert.match(text, /Accepted by the application/);
    assert.match(text, /The application’s answer\s*\{/);
    const seen = await page.evaluate(() => globalThis.seen);
    assert.ok(seen.some((value) => value > 0 && value < 100), `progress: ${[...new Set(seen)]}`);
    await page.locator(".row", { hasText: "sunrise.jpg" }).first().waitFor();
    assert.match(await page.getByRole("status").first().innerText(), /sunrise\.jpg: Accepted/);
    await page.locator(".card canvas:not([hidden])").waitFor();
    assert.deepEqual(violations, []);
    const { host } = await (await fetch(new URL("/policy", APP_URL))).json();
    assert.deepEqual(asked, new Set([new URL(APP_URL).origin, new URL(host).origin]));
    await page.locator(".uppy-Dashboard-AddFiles").waitFor();
    await page.locator(".uppy-StatusBar").waitFor({ state: "hidden" });
  });

  test("a 200 MB file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upcall-page-"));
    try {
      const path = join(folder, "large.jpg");
      const file = await open(path, "w");
      await file.write(photo);
      await file.truncate(200 * MIB);
      await file.close();
      await openPage({});
      await choose(path);
      await page.locator(".card").first().waitFor({ timeout: 120_000 });
      await outcome("accepted", "large.jpg");
      await page.locator(".row", { hasText: /large\.jpg[^]*200 MB/ }).first().waitFor();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("nine at once, no more than four on their way", async () => {
    await page.addInitScript(() => {
      globalThis.running = 0;
      globalThis.most = 0;
      const { send } = XMLHttpRequest.prototype;
      XMLHttpRequest.prototype.send = function sendCounted(body) {
        globalThis.running += 1;
        globalThis.most = Math.max(globalThis.most, globalThis.running);
        this.addEventListener("readystatechange", () => {
          if (this.readyState === XMLHttpRequest.DONE) globalThis.running -= 1;
        });
        return send.call(this, body);
      };
    });
    await openPage();
    const names = [...Array(9).keys()].map((number) => `one of nine, ${number}.jpg`);
    await choose(...names.map((name) => jpeg(name, photo.subarray(0, 200_000))));
    for (const name of names) await outcome("accepted", name);
    assert.equal(await page.evaluate(() => globalThis.most), 4);
  });

  test("a random name: ten unmistakable characters and the suffix", async () => {
    await openPage();
    await page.getByRole("radio", { name: "Random name" }).check();
    await choose(jpeg("passport scan.jpg"));
    const { text } = await outcome("accepted", "passport scan.jpg");
    assert.match(text, /"object": "uploads\/guest\/[A-HJKMNP-TW-Za-fhijkmnprstw-z2-8]{10}\.jpg"/);
  });

  test("dropped onto the page", async () => {
    await openPage();
    const transfer = await page.evaluateHandle((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
      return data;
    }, photo.subarray(0, 100_000).toString("base64"));
    for (const event of ["dragenter", "dragover", "drop"]) {
      await page.dispatchEvent(".uppy-Dashboard-inner", event, { dataTransfer: transfer });
    }
    await outcome("accepted", "dropped.jpg");
  });

  /** The browser would open the file in place of the page, and cut what is on its way. */
  test("dropped beside the box", async () => {
    await openPage();
    const transfer = await page.evaluateHandle((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "beside.jpg", { type: "image/jpeg" }));
      return data;
    }, photo.subarray(0, 100_000).toString("base64"));
    const prevented = await page.locator("footer").evaluate((footer, dataTransfer) => {
      const send = (name) =>
        !footer.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }));
      return [send("dragover"), send("drop")];
    }, transfer);
    assert.deepEqual(prevented, [true, true]);
    await outcome("accepted", "beside.jpg");
  });

  test("one file on its way: axe finds nothing", async () => {
    await openPage();
    await assertAccessible(page);
    const restore = await slowDown(50_000);
    await choose(jpeg("on its way.jpg"));
    await page.locator(".uppy-Dashboard-Item").waitFor();
    await assertAccessible(page);
    await restore();
  });

  test("a name in any script, with characters that mean something in a form", async () => {
    await openPage();
    const name = `春の写真 "ü" & 50%.jpg`;
    await choose(jpeg(name));
    await outcome("accepted", name);
  });
});

describe("a policy that has expired", () => {
  const expire = (answer) => {
    const expired = resign(answer, (document) => {
      document.expiration = "2020-01-01T00:00:00.000Z";
    });
    return { ...expired, expire: Math.floor(Date.now() / 1000) + 3600 };
  };

  test("is fetched anew without a word", async () => {
    const questions = await alterPolicy(page, (answer, question) => (question === 1 ? expire(answer) : answer));
    await openPage();
    await choose(jpeg("late.jpg"));
    await outcome("accepted", "late.jpg");
    assert.equal(questions(), 2);
  });

  test("twice in a row is a matter of clocks", async () => {
    const questions = await alterPolicy(page, expire);
    await openPage();
    await choose(jpeg("too late.jpg"));
    const { text, reason } = await outcome("refused", "too late.jpg");
    assert.equal(reason, "policyExpired");
    assert.match(text, /The policy has expired[^]*clocks[^]*AccessDenied[^]*Policy expired/);
    assert.equal(questions(), 2);
  });
});

describe("a file that is not taken", () => {
  test("wrong type, seen by the page", async () => {
    await openPage({ allowedTypes: ["image/*"] });
    await choose({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("words") });
    const { text, reason } = await outcome("refused", "notes.txt");
    assert.equal(reason, "wrongType");
    assert.match(text, /This type of file is not taken/);
  });

  test("wrong type, refused by the storage server in its own words", async () => {
    await alterPolicy(page, (answer) =>
      resign(answer, ({ conditions }) => conditions.push(["in", "$content-type", ["image/png"]])),
    );
    await openPage({});
    await choose(jpeg("not a png.jpg"));
    const { text, reason } = await outcome("refused", "not a png.jpg");
    assert.equal(reason, "wrongType", text);
    assert.match(text, /AccessDenied[^]*Policy Condition failed: \["in", "\$content-type"/);
    assert.match(text, /Request id\s+[0-9A-F]{24}/);
  });

  test("too large, seen by the page", async () => {
    await openPage({ maxBytes: 1000 });
    await choose(jpeg("panorama.jpg"));
    const { text, reason } = await outcome("refused", "panorama.jpg");
    assert.equal(reason, "tooLarge");
    assert.match(text, /The file is too large/);
  });

  test("too large, refused by the storage server in its own words", async () => {
    await alterPolicy(page, (answer) =>
      resign(answer, (document) => {
        document.conditions.push(["content-length-range", 0, 1000]);
      }),
    );
    await openPage({});
    await choose(jpeg("panorama.jpg"));
    const { text, reason } = await outcome("refused", "panorama.jpg");
    assert.equal(reason, "tooLarge", text);
    assert.match(text, /EntityTooLarge[^]*exceeds the maximum allowed size/);
  });

  test("a name that is taken is sent under another", async () => {
    let posts = 0;
    await openPage({});
    await page.route(/\/\/[^/]+\/(photos\/?)?$/, async (route) => {
      if (route.request().method() !== "POST" || (posts += 1) > 1) return route.fallback();
      return route.fulfill({
        status: 409,
        headers: { "access-control-allow-origin": "*" },
        contentType: "application/xml",
        body:
          "<Error><Code>FileAlreadyExists</Code><Message>The object you specified already exists " +
          "and can not be overwritten.</Message><RequestId>67440A5CDEADBEEF00000001</RequestId></Error>",
      });
    });
    await choose(jpeg("twice.jpg"));
    const { card, text, reason } = await outcome("refused", "twice.jpg");
    assert.equal(reason, "exists", text);
    await card.getByRole("button", { name: "Send under a random name" }).click();
    await page.locator(".card.accepted").waitFor();
    assert.ok(await page.getByRole("radio", { name: "Random name" }).isChecked());
  });
});

describe("a server that is not there", () => {
  test("the application server, before the upload; trying again works once it is back", async () => {
    await openPage();
    await page.route("**/policy", (route) => route.abort());
    await choose(jpeg("patient.jpg"));
    const { card, text, reason } = await outcome("refused", "patient.jpg");
    assert.equal(reason, "applicationUnreachable");
    assert.match(text, /The application server does not answer/);
    await page.unroute("**/policy");
    await card.getByRole("button", { name: "Try again" }).click();
    await page.locator(".card.accepted").waitFor();
    assert.equal(await page.locator(".card").count(), 1);
  });

  test("the application server, after the upload: stored, but it did not agree", async () => {
    await alterPolicy(page, withDeadCallback);
    await openPage();
    await choose(jpeg("unheard.jpg"));
    const { text } = await outcome("storedOnly", "unheard.jpg");
    assert.match(text, /Stored, but the application did not agree/);
    assert.match(text, /CallbackFailed[^]*Error status/i);
    assert.match(text, /Request id\s+[0-9A-F]{24}/);
  });

  test("the application server with an answer that is no policy", async () => {
    await page.route("**/policy", (route) => route.fulfill({ body: "<h1>It works!</h1>" }));
    await openPage();
    await choose(jpeg("lost.jpg"));
    const { text, reason } = await outcome("refused", "lost.jpg");
    assert.equal(reason, "applicationUnusable");
    assert.match(text, /It works!/);
  });

  test("the storage server", async () => {
    await openPage();
    await page.route("**", (route) =>
      route.request().method() === "POST" ? route.abort("connectionrefused") : route.fallback(),
    );
    await choose(jpeg("stranded.jpg"));
    const { text, reason } = await outcome("refused", "stranded.jpg");
    assert.equal(reason, "storageUnreachable");
    assert.match(text, /The storage server could not be reached/);
  });

  test("a signature made with another secret", async () => {
    await alterPolicy(page, (answer) => ({
      ...answer,
      signature: Buffer.from("twenty other octets!").toString("base64"),
    }));
    await openPage();
    await choose(jpeg("forged.jpg"));
    const { text, reason } = await outcome("refused", "forged.jpg");
    assert.equal(reason, "wrongSignature", text);
    assert.match(text, /SignatureDoesNotMatch/);
  });
});

describe("using the page", () => {
  test("the classic examples are a link away", async () => {
    await openPage();
    await page.getByRole("link", { name: "The three classic examples" }).click();
    await page.getByRole("heading", { level: 1, name: "Three examples" }).waitFor();
  });

  test("cancelling leaves nothing behind", async () => {
    await openPage();
    await slowDown(200_000);
    const failed = page.waitForEvent("requestfailed", (request) => request.method() === "POST");
    await choose(jpeg("regretted.jpg"));
    await page.locator(".uppy-Dashboard-Item-action--remove").click();
    await failed;
    await page.locator(".uppy-Dashboard-AddFiles").waitFor();
    assert.equal(await page.locator(".card").count(), 0);
  });

  test("with the keyboard alone", async () => {
    await openPage();
    const browse = page.getByRole("button", { name: "browse", exact: true });
    const isFocused = () => browse.evaluate((element) => element === document.activeElement);
    await browse.waitFor();
    // Before the first key: the browser is told to hand its file dialog over, which takes its time.
    const chooser = page.waitForEvent("filechooser");
    for (let presses = 0; presses < 10 && !(await isFocused()); presses += 1) {
      await page.keyboard.press("Tab");
    }
    assert.ok(await isFocused(), "ten times Tab leads to the file dialog's button");
    await page.keyboard.press("Enter");
    await (await chooser).setFiles([jpeg("by hand.jpg")]);
    const { card } = await outcome("accepted", "by hand.jpg");
    await card.getByRole("button", { name: "Remove by hand.jpg from this list" }).press("Enter");
    await card.waitFor({ state: "detached" });
  });

  test("in Chinese, by the browser's language and by choice", async () => {
    const chinese = await browser.newContext({ locale: "zh-CN" });
    page = await chinese.newPage();
    await openPage();
    await page.getByRole("heading", { name: "上传文件" }).waitFor();
    await page.getByRole("button", { name: "选择文件" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Upload files" }).waitFor();
    await page.getByRole("button", { name: "browse" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Upload files" }).waitFor();
    await chinese.close();
  });

  test("on a phone: the camera, and nothing wider than the screen", async () => {
    const phone = await browser.newContext({
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
      locale: "en",
    });
    page = await phone.newPage();
    await openPage();
    await page.getByRole("tab", { name: "Take a photo" }).waitFor();
    if (process.env.SCREENSHOTS !== undefined) {
      await page.screenshot({ path: join(process.env.SCREENSHOTS, "phone.png") });
    }
    const camera = page.locator("input[capture]");
    await camera.first().setInputFiles([jpeg("from the camera.jpg")]);
    await outcome("accepted", "from the camera.jpg");
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide`);
    await phone.close();
  });

  for (const width of [360, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`looks right at ${width} px, ${colorScheme}`, async () => {
        const shown = await browser.newContext({
          viewport: { width, height: width === 360 ? 740 : 900 },
          deviceScaleFactor: width === 360 ? 2 : 1,
          colorScheme,
          locale: "en",
        });
        page = await shown.newPage();
        const shots = process.env.SCREENSHOTS;
        if (shots !== undefined) await mkdir(shots, { recursive: true });
        const shoot = async (name) => {
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(overflow <= 0, `${name}: ${overflow} px too wide`);
          if (shots === undefined) return;
          const path = join(shots, `${name}-${width}-${colorScheme}.png`);
          await page.screenshot({ path, fullPage: true, animations: "disabled" });
        };
        const longName = "a panorama with a rather long name, 2026-11-24 at 18.30.jpg";
        await alterPolicy(page, (answer, question) => {
          const once = { ...answer, expire: 0 }; // asked for anew with each choice of files
          if (question === 1) return once;
          if (question === 2) {
            return resign(once, ({ conditions }) => conditions.push(["content-length-range", 0, 1000]));
          }
          return withDeadCallback(once);
        });
        await openPage();
        await shoot("empty");
        const speedUp = await slowDown(1_000_000);
        await choose(jpeg("harbour at dawn.jpg"), jpeg("sunrise.jpg", Buffer.concat([photo, Buffer.alloc(9)])));
        await page.locator(".uppy-StatusBar.is-uploading").waitFor();
        await page.locator(".uppy-Dashboard-Item-previewImg").nth(1).waitFor();
        await page.waitForFunction(
          () => Number(document.querySelector(".uppy-StatusBar-progress")?.ariaValueNow) >= 30,
        );
        await shoot("uploading");
        await speedUp();
        await outcome("accepted", "harbour at dawn.jpg");
        await outcome("accepted", "sunrise.jpg");
        await choose(jpeg(longName));
        await outcome("refused", longName);
        await choose(jpeg("unheard.jpg"));
        await outcome("storedOnly", "unheard.jpg");
        await shoot("outcomes");
        await shown.close();
      });
    }
  }
});
