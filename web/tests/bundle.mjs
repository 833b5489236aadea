/** The pages that try the package's snippets in other people's widgets, bundled as their users would. */
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { compileScript, parse } from "vue/compiler-sfc";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../packages/uppy-upcall/src/", import.meta.url));

/** The script of `widgets/NAME`. */
export async function bundle(name) {
  const { output } = await build({
    configFile: false,
    root: HERE,
    logLevel: "error",
    plugins: [vueFiles],
    oxc: { jsx: { runtime: "automatic", importSource: "react" } },
    resolve: {
      // The snippets lie outside of this folder, where no widget is installed.
      dedupe: ["antd", "element-plus", "react", "react-dom", "vue"],
      alias: [{ find: /^uppy-upcall$/, replacement: `${PACKAGE}index.ts` }],
    },
    build: {
      write: false,
      minify: false,
      rolldownOptions: { input: `${HERE}widgets/${name}`, output: { codeSplitting: false } },
    },
  });
  return output.find(({ type, isEntry }) => type === "chunk" && isEntry).code;
}

/** What Vue's own plugin does for a file with `<script setup>` and a template. */
const vueFiles = {
  name: "vue-files",
  enforce: "pre",
  transform(code, id) {
    if (!id.endsWith(".vue")) return null;
    const { descriptor } = parse(code, { filename: id });
    return { code: compileScript(descriptor, { id, inlineTemplate: true }).content, moduleType: "js" };
  },
};
