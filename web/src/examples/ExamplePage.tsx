/** One example: how it works, files to send, how they ended, what was signed. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Naming, SignedPolicy } from "uppy-upcall";
import { explain } from "../explain";
import { catchDrops } from "../page/catchDrops";
import { NamingChoice } from "../page/NamingChoice";
import { Results } from "../page/Results";
import { Segments } from "../page/Segments";
import type { Result } from "../page/useResults";
import { Frame, type Speech } from "./Frame";
import { Running } from "./Running";
import { Signed } from "./Signed";
import { type Example, sourcesOf } from "./sources";
import type { ExampleSettings } from "./settings";
import type { Version } from "./sign";
import { useUploads } from "./useUploads";

export interface ExamplePageProps {
  example: Example;
  /** `null` where this server has no examples. */
  settings: ExampleSettings | null;
}

export function ExamplePage({ example, settings }: ExamplePageProps) {
  return (
    <Frame titleOf={(examples) => examples[example].title} textOf={(examples) => examples[example].text}>
      {(speech) =>
        settings === null ? (
          <p class="empty">{speech.examples.unavailable}</p>
        ) : (
          <Body example={example} settings={settings} speech={speech} />
        )
      }
    </Frame>
  );
}

interface BodyProps {
  example: Example;
  settings: ExampleSettings;
  speech: Speech;
}

function Body({ example, settings, speech: { language, messages, examples } }: BodyProps) {
  const [signed, setSigned] = useState<SignedPolicy | null>(null);
  const [version, setVersion] = useState<Version>("V1");
  const [naming, setNaming] = useState<Naming>("keep");
  const sources = useMemo(() => sourcesOf(example, settings, setSigned), [example, settings]);
  const { running, results, start, remove, clear } = useUploads();
  const source = sources[version];
  const chooser = useRef<HTMLInputElement>(null);
  /** After a button that is gone once it is pressed; without this the keyboard starts anew at the top. */
  const goOn = (): void => chooser.current?.focus({ preventScroll: true });
  const newest = results[0];

  const send = (files: Iterable<File>, name: Naming = naming): void => {
    if (source === undefined) return;
    for (const file of files) void start(file, source.policies, name);
  };
  const take = useRef(send);
  take.current = send;
  useEffect(() => catchDrops((files) => take.current(files)), []);
  const sendAgain = (result: Result): void => {
    const name = explain(result.outcome, messages).action === "random" ? "random" : naming;
    setNaming(name);
    remove(result.id);
    goOn();
    send([new File([result.data], result.name, { type: result.type })], name);
  };

  return (
    <>
      {example === "browserSignature" && (
        <aside class="warning" role="note">
          <h2>{examples.warningTitle}</h2>
          <p>{examples.warning}</p>
        </aside>
      )}
      <section aria-labelledby="how">
        <h2 id="how">{examples.howItWorks}</h2>
        <ol class="how">
          {examples[example].steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      </section>
      {source === undefined ? (
        <p class="empty">{examples.noPlainPolicy}</p>
      ) : (
        <section class="send" aria-label={examples.choose}>
          <label
            class="choose"
            onDragOver={(event) => event.preventDefault()}
            onDrop={(event) => {
              event.preventDefault(); // the browser would open the file
              send([...(event.dataTransfer?.files ?? [])]);
            }}
          >
            <input
              ref={chooser}
              type="file"
              multiple
              onChange={(event) => {
                send([...(event.currentTarget.files ?? [])]);
                event.currentTarget.value = ""; // the same file may be chosen again
              }}
            />
            <span class="primary">{examples.choose}</span>
            <span class="hint">{examples.chooseHint}</span>
          </label>
          <div class="under-chooser">
            <NamingChoice naming={naming} messages={messages} onChoose={setNaming} />
            {sources.V4 !== undefined && (
              <Segments
                name="version"
                title={examples.versionTitle}
                options={VERSIONS}
                chosen={version}
                onChoose={setVersion}
              />
            )}
          </div>
          {source.url !== null && (
            <p class="signer">{examples.signedBy(new URL(source.url, location.href).href)}</p>
          )}
          <Running running={running} examples={examples} onCancelled={goOn} />
        </section>
      )}
      <p class="for-ears" role="status">
        {newest === undefined ? "" : messages.announce(newest.name, explain(newest.outcome, messages).title)}
      </p>
      <Results
        results={results}
        language={language}
        messages={messages}
        onAgain={sendAgain}
        onRemove={(id) => {
          remove(id);
          goOn();
        }}
        onClear={() => {
          clear();
          goOn();
        }}
      />
      {signed !== null && <Signed signed={signed} examples={examples} />}
    </>
  );
}

const VERSIONS = [
  ["V1", "V1"],
  ["V4", "V4"],
] as const;
