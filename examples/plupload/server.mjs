/**
 * Serves the page, plupload from where npm has put it, and the application server's address.
 *
 * Environment: PORT (3001), SERVER_URL (the application server's address, http://127.0.0.1:3000/).
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const PORT = Number(process.env.PORT ?? 3001);
const SERVER_URL = process.env.SERVER_URL ?? "http://127.0.0.1:3000/";
const here = (name) => readFile(new URL(name, import.meta.url));
const plupload = createRequire(import.meta.url).resolve("plupload/js/plupload.full.min.js");

const SCRIPT = "text/javascript; charset=utf-8";
const FILES = {
  "/": ["text/html; charset=utf-8", () => here("index.html")],
  "/style.css": ["text/css; charset=utf-8", () => here("style.css")],
  "/upload.js": [SCRIPT, () => here("upload.js")],
  "/server.js": [SCRIPT, () => `window.SERVER_URL = ${JSON.stringify(SERVER_URL)};\n`],
  "/plupload.js": [SCRIPT, () => readFile(plupload)],
};

const server = createServer(async (request, response) => {
  const file = FILES[request.url.split("?")[0]];
  if (file === undefined) return response.writeHead(404).end();
  const [contentType, content] = file;
  const headers = { "content-type": contentType, "cache-control": "no-cache", "x-content-type-options": "nosniff" };
  return response.writeHead(200, headers).end(await content());
});

process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
server.listen(PORT, "127.0.0.1", () => console.log(`ready: http://127.0.0.1:${server.address().port}/`));
