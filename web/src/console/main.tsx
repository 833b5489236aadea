/** The console's beginning. */
import "../page/style.css";
import "./style/frame.css";
import "./style/parts.css";
import { render } from "preact";
import { firstLanguage, rememberedLanguage } from "../messages";
import { App } from "./App";

const target = document.getElementById("console");
const language = firstLanguage(navigator.languages, rememberedLanguage());
if (target !== null) render(<App language={language} />, target);
