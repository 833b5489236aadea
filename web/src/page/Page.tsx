/** The whole page: choose, see how it ended, see what the application recorded. */
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Naming } from "uppy-upcall";
import { explain } from "../explain";
import {
  CATALOGS,
  type Language,
  LANGUAGE_TAGS,
  rememberLanguage,
} from "../messages";
import type { Settings } from "../settings";
import { type Choices, type PageUppy, speak } from "../uploader";
import { Chooser } from "./Chooser";
import { LanguageChoice } from "./LanguageChoice";
import { NamingChoice } from "./NamingChoice";
import { Recorded } from "./Recorded";
import { Results } from "./Results";
import { Wordmark } from "./icons";
import { type Result, useResults } from "./useResults";

export interface PageProps {
  uppy: PageUppy;
  settings: Settings;
  /** Shared with the uploader, which reads it as each file starts. */
  choices: Choices;
}

export function Page({ uppy, settings, choices }: PageProps) {
  const [language, setLanguage] = useState<Language>(choices.language);
  const [naming, setNaming] = useState<Naming>(choices.naming);
  const messages = CATALOGS[language];
  const { results, remove, clear, announcement } = useResults(uppy, settings, messages);

  const chooseLanguage = (chosen: Language): void => {
    choices.language = chosen;
    rememberLanguage(chosen);
    setLanguage(chosen);
  };
  const chooseNaming = (chosen: Naming): void => {
    choices.naming = chosen;
    setNaming(chosen);
  };
  const sendAgain = useCallback(
    (result: Result): void => {
      if (explain(result.outcome, messages).action === "random") chooseNaming("random");
      remove(result.id);
      uppy.addFile({ name: result.name, type: result.type, data: result.data, source: "again" });
    },
    [uppy, messages, remove],
  );

  useEffect(() => {
    document.documentElement.lang = LANGUAGE_TAGS[language];
    document.title = `upcall · ${messages.chooseTitle}`;
    void speak(uppy, settings, language);
  }, [language]);

  return (
    <>
      <header class="top">
        <Wordmark />
        <LanguageChoice language={language} label={messages.language} onChoose={chooseLanguage} />
      </header>
      <main>
        <section class="intro">
          <h1>{messages.chooseTitle}</h1>
          <p>{messages.tagline}</p>
        </section>
        <Chooser uppy={uppy} />
        <div class="under-chooser">
          <NamingChoice naming={naming} messages={messages} onChoose={chooseNaming} />
          {settings.bucket !== null && <p class="bucket">{messages.bucket(settings.bucket)}</p>}
        </div>
        <p class="for-ears" role="status">
          {announcement}
        </p>
        <Results
          results={results}
          language={language}
          messages={messages}
          onAgain={sendAgain}
          onRemove={remove}
          onClear={clear}
        />
        {settings.uploadsUrl !== null && (
          <Recorded
            url={settings.uploadsUrl}
            language={language}
            messages={messages}
            newest={results[0]?.id ?? 0}
          />
        )}
      </main>
      <footer>
        {settings.examplesUrl !== null && <a href={settings.examplesUrl}>{messages.examples}</a>}
        <a href="/LICENSES.txt">{messages.licences}</a>
      </footer>
    </>
  );
}
