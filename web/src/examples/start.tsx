/** An example page's beginning: asks what this server has, then draws. */
import "../page/style.css";
import "../page/results.css";
import "./style.css";
import { type ComponentChild, render } from "preact";
import { ExamplePage } from "./ExamplePage";
import { askExampleSettings } from "./settings";
import type { Example } from "./sources";

export async function startExample(example: Example): Promise<void> {
  const settings = await askExampleSettings("/examples/settings");
  draw(<ExamplePage example={example} settings={settings} />);
}

export function draw(page: ComponentChild): void {
  const target = document.getElementById("page");
  if (target !== null) render(page, target);
}
