/**
 * Every example of an application server, through the page: `upcall dev` is told of it, it is started with
 * the settings that `dev` wrote down, and Chromium uploads.
 *
 * Environment: UPCALL (the program), EXAMPLES (names, optional), CHROMIUM (optional).
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../tests/common/ports.mjs";
import { launch, makePhoto, required } from "./browser.mjs";

const STARTERS = {
  go: "go/run",
  java: "java/run",
  node: "node/run",
  php: "php/run",
  "php with Apache": "php/run-apache",
  "php with FPM": "php/run-apache --fpm",
  python: "python/run",
  ruby: "ruby/run",
  rust: "rust/run",
};
const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));

let folder;
let port;
let dev;
let settings;
let browser;
let photo;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "upcall-examples-"));
  await chmod(folder, 0o777); // Apache's workers are another user where the tests are root
  port = await freePort();
  const envFile = join(folder, ".env");
  const addresses = ["--storage", "--app", "--admin"].flatMap((flag) => [flag, "127.0.0.1:0"]);
  dev = await start(required("UPCALL"), [
    "dev", "--json", "--data", join(folder, "data"), ...addresses,
    "--app-url", `http://127.0.0.1:${port}/callback`, "--env-file", envFile,
  ]);
  dev.facts = JSON.parse(dev.line);
  settings = parseSettings(await readFile(envFile, "utf8"));
  browser = await launch();
  photo = await makePhoto(browser, 256 * 1024);
});
after(async () => {
  await browser?.close();
  if (dev !== undefined) await stop(dev);
  await rm(folder, { recursive: true, force: true });
});

/** A program that prints a line when it is ready. */
async function start(program, words, env = {}) {
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, "line"),
    ended.then(([status]) => Promise.reject(new Error(`${program} ended with ${status}`))),
  ]);
  return { child, ended, line };
}

async function stop({ child, ended }) {
  child.kill("SIGTERM");
  return (await ended)[0];
}

/** As a shell reads it: `NAME='value'`, with quotes or without. */
function parseSettings(text) {
  const lines = text.split("\n").filter((line) => line.includes("=") && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1).replace(/^(['"])(.*)\1$/, "$2")]),
  );
}

/** The third of the classic pages, in a browser that notes whom it asks. */
async function openPage() {
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  const foreign = [];
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") foreign.push(request.url());
  });
  await page.goto(new URL("/examples/server-callback/", dev.facts.app).href);
  return { page, foreign, close: () => context.close() };
}

/** Chooses a photo; resolves with what the page shows of it. */
async function upload(page, name) {
  await page.locator("input[type=file]").setInputFiles({
    name, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.from(name)]),
  });
  const card = page.locator("[data-outcome]", { hasText: name }).first();
  await card.waitFor();
  return { kind: await card.getAttribute("data-outcome"), text: await card.textContent() };
}

const wanted = process.env.EXAMPLES?.split(",") ?? Object.keys(STARTERS);

for (const language of wanted) {
  describe(language, () => {
    let example;
    let opened;
    const name = `cat & 猫 of ${language}.jpg`;

    before(async () => {
      const uploads = join(folder, `uploads of ${language}`);
      const env = { ...settings, PORT: String(port), UPLOADS: uploads };
      const [program, ...words] = STARTERS[language].split(" ");
      example = await start(join(EXAMPLES, program), words, env);
      opened = await openPage();
    });
    after(() => opened?.close());

    test("the page uploads, and the example has a row", async () => {
      const { kind, text } = await upload(opened.page, name);
      assert.equal(kind, "accepted", text);
      assert.match(text, /"Status": "OK"/);
      const { uploads } = await (await fetch(`http://127.0.0.1:${port}/uploads`)).json();
      assert.equal(uploads.length, 1);
      const [row] = uploads;
      assert.deepEqual([row.mimeType, row.width, row.height], ["image/jpeg", 2400, 1800]);
      assert.ok(row.object.endsWith(`/${name}`), row.object);
      assert.deepEqual(opened.foreign, []);
    });

    test("the page tells what is stored and not accepted, once the example is gone", async () => {
      assert.equal(await stop(example), 0);
      const { kind, text } = await upload(opened.page, `unheard ${name}`);
      assert.equal(kind, "storedOnly", text);
    });

    test("a page that has no policy yet is refused one", async () => {
      const later = await openPage();
      assert.equal((await upload(later.page, `unsigned ${name}`)).kind, "refused");
      await later.close();
    });
  });
}
