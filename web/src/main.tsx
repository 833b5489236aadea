/** The page's beginning: asks what the application announces, then draws. */
import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";
import "./page/style.css";
import "./page/results.css";
import "./page/recorded.css";
import "./page/dashboard.css";
import { render } from "preact";
import { PolicySource } from "uppy-upcall";
import { firstLanguage, rememberedLanguage } from "./messages";
import { Page } from "./page/Page";
import { askSettings } from "./settings";
import { type Choices, createUploader } from "./uploader";

const choices: Choices = {
  language: firstLanguage(navigator.languages, rememberedLanguage()),
  naming: "keep",
};
const settings = await askSettings("/settings");
const policies = new PolicySource(settings.policyUrl);
const uppy = createUploader(settings, policies, choices);
const target = document.getElementById("page");
if (target !== null) render(<Page uppy={uppy} settings={settings} choices={choices} />, target);
