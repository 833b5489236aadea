/** English or Chinese, each in its own script. */
import { type Language, LANGUAGE_NAMES, LANGUAGE_TAGS } from "../messages";

export interface LanguageChoiceProps {
  language: Language;
  label: string;
  onChoose: (language: Language) => void;
}

export function LanguageChoice({ language, label, onChoose }: LanguageChoiceProps) {
  return (
    <div class="languages" role="group" aria-label={label}>
      {(Object.keys(LANGUAGE_NAMES) as Language[]).map((each) => (
        <button
          key={each}
          type="button"
          lang={LANGUAGE_TAGS[each]}
          aria-pressed={each === language}
          onClick={() => onChoose(each)}
        >
          {LANGUAGE_NAMES[each]}
        </button>
      ))}
    </div>
  );
}
