/** The files of this visit and how each of them ended. */
import type { Language, Messages } from "../messages";
import { ResultCard } from "./ResultCard";
import type { Result } from "./useResults";

export interface ResultsProps {
  results: Result[];
  language: Language;
  messages: Messages;
  onAgain: (result: Result) => void;
  onRemove: (id: number) => void;
  onClear: () => void;
}

export function Results({ results, language, messages, onAgain, onRemove, onClear }: ResultsProps) {
  if (results.length === 0) return null;
  return (
    <section aria-labelledby="results-title">
      <div class="section-head">
        <h2 id="results-title">{messages.resultsTitle}</h2>
        <button type="button" class="quiet" onClick={onClear}>
          {messages.clearResults}
        </button>
      </div>
      <ol class="cards" data-testid="results">
        {results.map((result) => (
          <ResultCard
            key={result.id}
            result={result}
            language={language}
            messages={messages}
            onAgain={onAgain}
            onRemove={onRemove}
          />
        ))}
      </ol>
    </section>
  );
}
