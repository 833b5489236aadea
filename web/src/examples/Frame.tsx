/** What the example pages have in common: name, language, way back. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import {
  CATALOGS,
  type Language,
  LANGUAGE_TAGS,
  type Messages,
  firstLanguage,
  rememberLanguage,
  rememberedLanguage,
} from "../messages";
import { LanguageChoice } from "../page/LanguageChoice";
import { Wordmark } from "../page/icons";
import { EXAMPLE_CATALOGS, type ExampleMessages } from "./messages";

export interface Speech {
  language: Language;
  /** The upload page's catalog. */
  messages: Messages;
  examples: ExampleMessages;
}

export interface FrameProps {
  titleOf: (examples: ExampleMessages) => string;
  textOf: (examples: ExampleMessages) => string;
  isIndex?: boolean;
  children: (speech: Speech) => ComponentChildren;
}

export function Frame({ titleOf, textOf, isIndex = false, children }: FrameProps) {
  const [language, setLanguage] = useState<Language>(() => firstLanguage(navigator.languages, rememberedLanguage()));
  const messages = CATALOGS[language];
  const examples = EXAMPLE_CATALOGS[language];
  const choose = (chosen: Language): void => {
    rememberLanguage(chosen);
    setLanguage(chosen);
  };
  useEffect(() => {
    document.documentElement.lang = LANGUAGE_TAGS[language];
    document.title = `upcall · ${titleOf(examples)}`;
  }, [language]);

  return (
    <>
      <header class="top">
        <Wordmark />
        <LanguageChoice language={language} label={messages.language} onChoose={choose} />
      </header>
      <main>
        <section class="intro">
          {!isIndex && (
            <a class="back" href="/examples/">
              ← {examples.back}
            </a>
          )}
          <h1>{titleOf(examples)}</h1>
          <p>{textOf(examples)}</p>
        </section>
        {children({ language, messages, examples })}
      </main>
      <footer>
        <a href="/examples/LICENSES.txt">{messages.licences}</a>
      </footer>
    </>
  );
}
