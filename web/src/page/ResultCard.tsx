/** One file: how far it got, what was answered, what to do next. */
import type { Outcome, ServerWords } from "uppy-upcall";
import { type Explanation, explain } from "../explain";
import { formatAnswer, formatSize } from "../format";
import type { Language, Messages } from "../messages";
import { RequestId } from "./RequestId";
import { Steps } from "./Steps";
import { Thumbnail } from "./Thumbnail";
import { CrossIcon } from "./icons";
import type { Result } from "./useResults";

export interface ResultCardProps {
  result: Result;
  language: Language;
  messages: Messages;
  onAgain: (result: Result) => void;
  onRemove: (id: number) => void;
}

export function ResultCard({ result, language, messages, onAgain, onRemove }: ResultCardProps) {
  const { outcome } = result;
  const explanation = explain(outcome, messages);
  return (
    <li class={`card ${kindOf(outcome)}`} data-outcome={kindOf(outcome)} data-reason={reasonOf(outcome)}>
      <div class="card-head">
        <Thumbnail data={result.data} name={result.name} />
        <div class="card-title">
          <h3>{result.name}</h3>
          <p>{formatSize(result.data.size, language)}</p>
        </div>
        <button
          type="button"
          class="icon-button"
          aria-label={messages.dismiss(result.name)}
          onClick={() => onRemove(result.id)}
        >
          <CrossIcon />
        </button>
      </div>
      <Steps outcome={outcome} messages={messages} />
      <Sentences explanation={explanation} />
      {outcome.kind === "accepted" && outcome.answer !== "" && (
        <figure class="answer">
          <figcaption>{messages.answer}</figcaption>
          <pre tabIndex={0}>{formatAnswer(outcome.answer)}</pre>
        </figure>
      )}
      {outcome.kind !== "accepted" && outcome.words !== null && (
        <Words words={outcome.words} title={messages.serverSaid} />
      )}
      <div class="card-foot">
        {explanation.action !== null && (
          <button type="button" class="primary" onClick={() => onAgain(result)}>
            {explanation.action === "random" ? messages.tryRandom : messages.tryAgain}
          </button>
        )}
        <RequestId requestId={requestIdOf(outcome)} messages={messages} />
      </div>
    </li>
  );
}

function Sentences({ explanation: { title, text, next } }: { explanation: Explanation }) {
  return (
    <div class="sentences">
      <p class="verdict">{title}</p>
      {text !== null && <p>{text}</p>}
      {next !== null && <p class="next">{next}</p>}
    </div>
  );
}

function Words({ words, title }: { words: ServerWords; title: string }) {
  return (
    <figure class="words">
      <figcaption>{title}</figcaption>
      {words.code !== null && <p class="code">{words.code}</p>}
      {words.message !== null && <p lang="en">{words.message}</p>}
      {words.hint !== null && (
        <p class="hint" lang="en">
          {words.hint}
        </p>
      )}
    </figure>
  );
}

function requestIdOf(outcome: Outcome): string | null {
  return outcome.kind === "accepted" ? outcome.requestId : (outcome.words?.requestId ?? null);
}

/** As the page's styles and tests call it. */
function kindOf({ kind }: Outcome): string {
  return kind === "storedNotAccepted" ? "storedOnly" : kind;
}

function reasonOf(outcome: Outcome): string | undefined {
  return outcome.kind === "refused" ? outcome.reason : undefined;
}
