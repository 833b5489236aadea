/** The CORS rules of a bucket, as they are tried: the first that fits counts. */
import { useState } from "preact/hooks";
import type { Cors, CorsRule } from "../facts";
import { fromLines, fromNumber, toLines } from "../lines";
import { SavedForm } from "../pages/Settings";
import { useSurroundings } from "./context";

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"] as const;

/** Rules of one bucket; the server has the same limit. */
const MOST_RULES = 10;

/** A rule as it is typed. */
interface Draft {
  id: number;
  origins: string;
  methods: readonly string[];
  allowed: string;
  exposed: string;
  maxAge: string;
}

let nextId = 0;

function toDraft(rule: CorsRule): Draft {
  nextId += 1;
  return {
    id: nextId,
    origins: toLines(rule.allowedOrigins),
    methods: rule.allowedMethods,
    allowed: toLines(rule.allowedHeaders),
    exposed: toLines(rule.exposeHeaders),
    maxAge: rule.maxAgeSeconds === null ? "" : String(rule.maxAgeSeconds),
  };
}

function fromDraft(draft: Draft): CorsRule {
  return {
    allowedOrigins: fromLines(draft.origins),
    allowedMethods: [...draft.methods],
    allowedHeaders: fromLines(draft.allowed),
    exposeHeaders: fromLines(draft.exposed),
    maxAgeSeconds: fromNumber(draft.maxAge),
  };
}

const NEW_RULE: CorsRule = {
  allowedOrigins: [],
  allowedMethods: ["POST"],
  allowedHeaders: ["*"],
  exposeHeaders: ["ETag", "x-oss-request-id"],
  maxAgeSeconds: 600,
};

export interface CorsFormProps {
  cors: Cors | null;
  save: (cors: Cors | null) => Promise<unknown>;
}

export function CorsForm({ cors, save }: CorsFormProps) {
  const { messages } = useSurroundings();
  const [drafts, setDrafts] = useState(() => (cors?.rules ?? []).map(toDraft));
  const [responseVary, setVary] = useState(cors?.responseVary ?? false);
  const change = (id: number, changed: Partial<Draft>): void =>
    setDrafts(drafts.map((draft) => (draft.id === id ? { ...draft, ...changed } : draft)));
  const saveAll = (): Promise<unknown> =>
    save(drafts.length === 0 ? null : { rules: drafts.map(fromDraft), responseVary });
  return (
    <SavedForm title={messages.cors} text={messages.corsText} save={saveAll}>
      {drafts.length === 0 && <p class="empty">{messages.noCors}</p>}
      {drafts.map((draft, index) => (
        <Rule
          key={draft.id}
          draft={draft}
          number={index + 1}
          onChange={(changed) => change(draft.id, changed)}
          onRemove={() => setDrafts(drafts.filter((each) => each.id !== draft.id))}
        />
      ))}
      <label class="check">
        <input type="checkbox" checked={responseVary} onChange={(event) => setVary(event.currentTarget.checked)} />
        <span>{messages.vary}</span>
      </label>
      <div>
        <button
          type="button"
          class="secondary"
          disabled={drafts.length >= MOST_RULES}
          onClick={() => setDrafts([...drafts, toDraft(NEW_RULE)])}
        >
          {messages.addRule}
        </button>
      </div>
    </SavedForm>
  );
}

interface RuleProps {
  draft: Draft;
  number: number;
  onChange: (changed: Partial<Draft>) => void;
  onRemove: () => void;
}

function Rule({ draft, number, onChange, onRemove }: RuleProps) {
  const { messages } = useSurroundings();
  const toggle = (method: string, isOn: boolean): void =>
    onChange({ methods: METHODS.filter((each) => (each === method ? isOn : draft.methods.includes(each))) });
  return (
    <fieldset class="rule">
      <legend>{messages.rule(number)}</legend>
      <LinesField label={messages.origins} hint={messages.originsHint} text={draft.origins} onText={(origins) => onChange({ origins })} />
      <div class="checks" role="group" aria-label={messages.methods}>
        {METHODS.map((method) => (
          <label class="check" key={method}>
            <input
              type="checkbox"
              checked={draft.methods.includes(method)}
              onChange={(event) => toggle(method, event.currentTarget.checked)}
            />
            <span>{method}</span>
          </label>
        ))}
      </div>
      <div class="columns">
        <LinesField label={messages.allowedHeaders} hint={messages.onePerLine} text={draft.allowed} onText={(allowed) => onChange({ allowed })} />
        <LinesField label={messages.exposeHeaders} hint={messages.onePerLine} text={draft.exposed} onText={(exposed) => onChange({ exposed })} />
      </div>
      <label class="field short">
        <span>{messages.maxAge}</span>
        <input
          inputMode="numeric"
          pattern="[0-9]*"
          value={draft.maxAge}
          onInput={(event) => onChange({ maxAge: event.currentTarget.value })}
        />
      </label>
      <div>
        <button type="button" class="secondary" onClick={onRemove}>
          {messages.removeRule(number)}
        </button>
      </div>
    </fieldset>
  );
}

interface LinesFieldProps {
  label: string;
  hint: string;
  text: string;
  onText: (text: string) => void;
}

function LinesField({ label, hint, text, onText }: LinesFieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <textarea class="code" rows={2} spellcheck={false} value={text} onInput={(event) => onText(event.currentTarget.value)} />
      <span class="hint">{hint}</span>
    </label>
  );
}
