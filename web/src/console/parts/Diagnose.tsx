/** Why did my verification fail? What the application received, held against what was sent. */
import { useState } from "preact/hooks";
import { ask } from "../api";
import type { Call, Diagnosis, Excerpt } from "../facts";
import { useSurroundings } from "./context";
import { ErrorNote } from "./ErrorNote";
import { Untrusted } from "./Untrusted";
import { useDoing } from "./useAsked";

export function Diagnose({ call }: { call: Call }) {
  const { messages } = useSurroundings();
  const [received, setReceived] = useState("");
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null);
  const doing = useDoing();
  const compare = (event: Event): void => {
    event.preventDefault();
    setDiagnosis(null);
    void doing.run(async () => {
      const body = { call: call.id, received };
      setDiagnosis((await ask("POST", "/v1/callbacks/diagnose", body)) as Diagnosis);
    });
  };
  return (
    <section class="sheet" aria-labelledby="diagnose">
      <h2 id="diagnose">{messages.diagnoseTitle}</h2>
      <p class="section-text">{messages.diagnoseText}</p>
      <form class="stack" onSubmit={compare}>
        <label class="field">
          <span>{messages.receivedRequest}</span>
          <textarea
            class="code"
            rows={8}
            required
            spellcheck={false}
            placeholder={messages.diagnoseExample}
            value={received}
            onInput={(event) => setReceived(event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="submit" class="primary" disabled={doing.isBusy}>
            {messages.diagnose}
          </button>
        </div>
      </form>
      <ErrorNote error={doing.error} />
      <div role="status">{diagnosis !== null && <Found diagnosis={diagnosis} />}</div>
    </section>
  );
}

function Found({ diagnosis }: { diagnosis: Diagnosis }) {
  const { messages } = useSurroundings();
  const { outcome, error, findings, difference, advice } = diagnosis;
  const sentence = { verifies: messages.verifies, fails: messages.doesNotVerify, "needs-key": messages.needsKey };
  return (
    <div class={`note ${outcome === "verifies" ? "good" : "bad"}`} data-testid="diagnosis">
      <p>
        <strong>{sentence[outcome]}</strong> {error !== null && <Untrusted text={error} />}
      </p>
      {difference !== null && (
        <figure class="difference">
          <figcaption>{messages.differs(difference.offset, difference.part)}</figcaption>
          <Side name={messages.sentSide} excerpt={difference.sent} />
          <Side name={messages.receivedSide} excerpt={difference.received} />
        </figure>
      )}
      <ul class="findings">
        {findings.map((finding, index) => (
          <li key={index}>
            <span class="badge">{messages.certainty(finding.certainty)}</span> <Untrusted text={finding.text} />
          </li>
        ))}
        {advice.map((each) => (
          <li key={each.name}>
            <span class="badge">{messages.remember}</span> <Untrusted text={each.text} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** One side, with the place marked from which on it differs. */
function Side({ name, excerpt }: { name: string; excerpt: Excerpt }) {
  return (
    <p class="side">
      <span>{name}</span>
      <code>
        <Untrusted text={excerpt.before} />
        <mark>
          <Untrusted text={excerpt.after === "" ? "∎" : excerpt.after} />
        </mark>
      </code>
    </p>
  );
}
