/**
 * How the example pages are built: into a folder of their own, which the application server hands
 * out below `/examples/`. They share what they need among themselves, and no file with the others.
 */
import { fileURLToPath } from "node:url";
import { mergeConfig } from "vitest/config";
import { assetTable } from "./build/assetTable.ts";
import { SHARED } from "./vite.config.ts";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const PAGES = ["", "browser-signature/", "server-signature/", "server-callback/"];

export default mergeConfig(SHARED, {
  root: `${ROOT}src/examples`,
  plugins: [assetTable(ROOT)],
  base: "/examples/",
  publicDir: false,
  build: {
    outDir: `${ROOT}dist/examples`,
    rolldownOptions: { input: PAGES.map((page) => `${ROOT}src/examples/${page}index.html`) },
  },
});
