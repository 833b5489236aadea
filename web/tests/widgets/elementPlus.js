import { createApp } from "vue";
import ElementPlus from "../../packages/uppy-upcall/snippets/ElementPlus.vue";

createApp(ElementPlus).mount("#root");
