/**
 * How the console is built: like the upload page, but into a folder of its own below it. The two are
 * served by different servers and share no file.
 */
import { fileURLToPath } from "node:url";
import { mergeConfig } from "vitest/config";
import { assetTable } from "./build/assetTable.ts";
import { SHARED } from "./vite.config.ts";

const ROOT = fileURLToPath(new URL(".", import.meta.url));

export default mergeConfig(SHARED, {
  root: `${ROOT}src/console`,
  plugins: [assetTable(ROOT)],
  base: "/console/",
  publicDir: false,
  build: { outDir: `${ROOT}dist/console` },
});
