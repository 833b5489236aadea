/** Debian's Chromium, pictures to upload, and policies signed as a test wants them. */
import { createHmac } from "node:crypto";
import { chromium } from "playwright-core";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** What must be in the environment, with the name that the harness knows it by. */
export function required(name) {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`set ${name} in the environment`);
  return value;
}

export function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    // Test machines are containers as often as not: no user namespaces, a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/**
 * A JPEG of at least `bytes`, made by the browser: hills under a sky, with enough grain to weigh
 * what a photograph weighs.
 */
export async function makePhoto(browser, bytes) {
  const page = await browser.newPage();
  const base64 = await page.evaluate(async (atLeast) => {
    const canvas = new OffscreenCanvas(2400, 1800);
    const { width, height } = canvas;
    const pen = canvas.getContext("2d");
    const sky = pen.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, "#27537c");
    sky.addColorStop(0.6, "#f1b47c");
    sky.addColorStop(1, "#fbe3c0");
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    ["#5d6f7c", "#3d5560", "#22383d"].forEach((colour, ridge) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(0, height);
      for (let x = 0; x <= width; x += 20) {
        const wave = Math.sin(x / (310 - ridge * 60) + ridge * 2) + Math.sin(x / 97 + ridge) / 3;
        pen.lineTo(x, height * (0.58 + ridge * 0.13) - wave * 110);
      }
      pen.lineTo(width, height);
      pen.fill();
    });
    const pixels = pen.getImageData(0, 0, width, height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      const grain = Math.random() * 24 - 12;
      for (let channel = 0; channel < 3; channel += 1) pixels.data[at + channel] += grain;
    }
    pen.putImageData(pixels, 0, 0);
    for (let quality = 0.8; ; quality = Math.min(1, quality + 0.04)) {
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
      if (blob.size >= atLeast || quality === 1) {
        const url = await new Promise((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(reader.result);
          reader.readAsDataURL(blob);
        });
        return url.slice(url.indexOf(",") + 1);
      }
    }
  }, bytes);
  await page.close();
  return Buffer.from(base64, "base64");
}

/** The application's answer with another policy in it, signed anew with the key that it uses. */
export function resign(answer, change) {
  const document = JSON.parse(Buffer.from(answer.policy, "base64"));
  change(document);
  const policy = Buffer.from(JSON.stringify(document)).toString("base64");
  const signature = createHmac("sha1", required("ACCESS_KEY_SECRET")).update(policy).digest("base64");
  return { ...answer, policy, signature };
}

/** A policy whose callback goes to a port where nobody listens. */
export function withDeadCallback(answer) {
  const parameter = { callbackUrl: "http://127.0.0.1:9/", callbackBody: "object=${object}" };
  const callback = Buffer.from(JSON.stringify(parameter)).toString("base64");
  const signed = resign(answer, (document) => {
    // A careful application pins its callback; then the pin must move as well.
    document.conditions = document.conditions.map((condition) => {
      if (condition.callback !== undefined) return { callback };
      return condition[1] === "$callback" ? [condition[0], "$callback", callback] : condition;
    });
  });
  return { ...signed, callback };
}

/** Lets `change` alter what the application answers to `GET /policy`, once per question. */
export async function alterPolicy(page, change) {
  let questions = 0;
  await page.route("**/policy", async (route) => {
    questions += 1;
    const response = await route.fetch();
    await route.fulfill({ response, json: change(await response.json(), questions) });
  });
  return () => questions;
}
