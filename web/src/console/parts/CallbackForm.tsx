/** How the uploads of a bucket call the application. */
import { useState } from "preact/hooks";
import type { CallbackSettings } from "../facts";
import { fromNumber } from "../lines";
import { SavedForm } from "../pages/Settings";
import { useSurroundings } from "./context";

export interface CallbackFormProps {
  settings: CallbackSettings;
  save: (settings: CallbackSettings) => Promise<unknown>;
}

export function CallbackForm({ settings, save }: CallbackFormProps) {
  const { messages } = useSurroundings();
  const [text, setText] = useState(
    settings.default === null ? "" : JSON.stringify(settings.default, null, 2),
  );
  const [required, setRequired] = useState(settings.required);
  const [redeliver, setRedeliver] = useState(
    settings.redeliverSeconds === null ? "" : String(settings.redeliverSeconds),
  );
  const [gate, setGate] = useState<string>(settings.gate ?? "");
  const [keepAlive, setKeepAlive] = useState(settings.keepAlive);
  const [chunkedAnswers, setChunkedAnswers] = useState(settings.chunkedAnswers);
  const parsed = parseDefault(text);
  const saveAll = (): Promise<unknown> =>
    save({
      default: parsed.json,
      required,
      redeliverSeconds: fromNumber(redeliver),
      gate: gate === "refuse" || gate === "keep" ? gate : null,
      keepAlive: keepAlive && gate !== "",
      chunkedAnswers,
    });
  return (
    <SavedForm
      title={messages.callbackSettings}
      text={messages.callbackSettingsText}
      fault={parsed.isJson ? null : messages.notJson}
      save={saveAll}
    >
      <label class="field">
        <span>{messages.defaultCallback}</span>
        <textarea
          class="code"
          rows={5}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <span class="hint">{messages.defaultCallbackHint}</span>
      </label>
      <label class="check">
        <input type="checkbox" checked={required} onChange={(event) => setRequired(event.currentTarget.checked)} />
        <span>{messages.required}</span>
      </label>
      <label class="field">
        <span>{messages.gate}</span>
        <select value={gate} onChange={(event) => setGate(event.currentTarget.value)}>
          <option value="">{messages.gateOff}</option>
          <option value="refuse">{messages.gateRefuse}</option>
          <option value="keep">{messages.gateKeep}</option>
        </select>
      </label>
      {gate !== "" && (
        <label class="check">
          <input type="checkbox" checked={keepAlive} onChange={(event) => setKeepAlive(event.currentTarget.checked)} />
          <span>{messages.keepAlive}</span>
        </label>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={chunkedAnswers}
          onChange={(event) => setChunkedAnswers(event.currentTarget.checked)}
        />
        <span>{messages.chunkedAnswers}</span>
      </label>
      <label class="field short">
        <span>{messages.redeliver}</span>
        <input
          inputMode="numeric"
          pattern="[0-9]*"
          value={redeliver}
          onInput={(event) => setRedeliver(event.currentTarget.value)}
        />
        <span class="hint">{messages.redeliverHint}</span>
      </label>
    </SavedForm>
  );
}

function parseDefault(text: string): { isJson: boolean; json: unknown } {
  if (text.trim() === "") return { isJson: true, json: null };
  try {
    return { isJson: true, json: JSON.parse(text) };
  } catch {
    return { isJson: false, json: null };
  }
}
